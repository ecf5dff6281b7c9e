# Java 17, SunPKCS11: a program that signs each line of its input, RSA and ECDSA.
# Debian 12.

install() { apt-get install -y --no-install-recommends openjdk-17-jdk-headless openssl; }

start() {
  local alias
  printf 'name = Diamond\nlibrary = %s\nslotListIndex = 0\n' $MODULE > p11.cfg
  STORE='-keystore NONE -storetype PKCS11 -addprovider SunPKCS11 -providerArg /srv/hsm/p11.cfg -providerName SunPKCS11-Diamond -storepass:env PIN'
  keytool $STORE -genkeypair -alias jrsa -keyalg RSA -keysize 2048 -dname CN=jrsa -validity 30
  keytool $STORE -genkeypair -alias jec -keyalg EC -groupname secp256r1 -dname CN=jec -validity 30
  for alias in jrsa jec; do
    keytool $STORE -exportcert -rfc -alias $alias | openssl x509 -noout -pubkey > $alias.pub
  done
  cat > Signer.java <<'END'
import java.io.*;
import java.net.*;
import java.security.*;

/** Answers each line with two signatures of it in Base64, or with an error; "reload" makes it load the key store anew. */
public class Signer {
  static Provider provider;
  static volatile PrivateKey rsa, ec;

  static void load() throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS11", provider);
    store.load(null, System.getenv("PIN").toCharArray());
    rsa = (PrivateKey) store.getKey("jrsa", null);
    ec = (PrivateKey) store.getKey("jec", null);
  }

  static String sign(PrivateKey key, String algorithm, byte[] data) throws Exception {
    Signature signer = Signature.getInstance(algorithm, provider);
    signer.initSign(key);
    signer.update(data);
    return java.util.Base64.getEncoder().encodeToString(signer.sign());
  }

  public static void main(String[] arguments) throws Exception {
    provider = Security.getProvider("SunPKCS11").configure("/srv/hsm/p11.cfg");
    Security.addProvider(provider);
    load();
    ServerSocket server = new ServerSocket(25448, 50, InetAddress.getLoopbackAddress());
    for (;;) {
      Socket socket = server.accept();
      new Thread(() -> {
        try (socket) {
          BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream()));
          PrintStream out = new PrintStream(socket.getOutputStream(), true);
          for (String line; (line = in.readLine()) != null;) {
            try {
              if (line.equals("reload")) load();
              byte[] data = line.getBytes();
              out.println(sign(rsa, "SHA256withRSA", data) + " " + sign(ec, "SHA256withECDSA", data));
            } catch (Exception e) {
              System.err.println(new java.util.Date() + " " + e + " " + e.getCause());
              out.println("error");
            }
          }
        } catch (IOException e) {
          System.err.println(e);
        }
      }).start();
    }
  }
}
END
  javac -d . Signer.java
  useradd --system --no-create-home signer
  setpriv --reuid signer --regid signer --clear-groups java -cp /srv/hsm Signer 2> signer.log & JAVA=$!
  until sign; do sleep 0.2; done
}

ask() {
  exec 4<> /dev/tcp/127.0.0.1/25448
  echo "$1" >&4
  timeout 18 head -n 1 <&4
}

# What is signed has never been there before; openssl verifies both signatures.
sign() {
  local rsa ec
  date +%s%N | tr -d '\n' > data
  read -r rsa ec < <(ask "$(cat data)")
  echo $rsa | base64 -d > rsa.sig
  echo $ec | base64 -d > ec.sig
  openssl dgst -sha256 -verify jrsa.pub -signature rsa.sig data
  openssl dgst -sha256 -verify jec.pub -signature ec.sig data
}

reload() { ask reload | grep -v error; }

consumer() { echo $JAVA; }
