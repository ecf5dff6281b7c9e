# SoftHSM's p11test, from Debian's source package.
# Debian 12.
# settings.json: {"initTokenErasesKeys": true, "keySeparation": "standard"}

# Its keys have all usages at once, hence the separation of keys is that of the standard.
EXPECTED='
AsymEncryptDecryptTests::testRsaEncryptDecrypt: OAEP without parameters is CKR_MECHANISM_PARAM_INVALID, not CKR_ARGUMENTS_BAD
DeriveTests::testDhDerive: Diffie-Hellman in the integers is not offered
DeriveTests::testSymDerive: DES is not offered
DigestTests::testDigest: goes on with an operation that an error has ended
DigestTests::testDigestUpdate: the same
DigestTests::testDigestFinal: the same
DigestTests::testDigestKey: makes a key without login
InfoTests::testGetTokenInfo: wants a second token that is not initialized
InfoTests::testGetSlotInfoAlt: wants a setting of SoftHSM that makes the token removable
InfoTests::testGetMechanismListConfig: wants a setting of SoftHSM that leaves two mechanisms
InfoTests::testWaitForSlotEvent: a NULL pointer is CKR_ARGUMENTS_BAD, not CKR_FUNCTION_NOT_SUPPORTED
InitTests::testInit5: mutexes of the application alone are CKR_CANT_LOCK, as PKCS#11 allows
ObjectTests::testCreateObject: makes a token object without login
ObjectTests::testCopyObject: a template may repeat the CKA_CLASS that the object has
ObjectTests::testGetObjectSize: wants CK_UNAVAILABLE_INFORMATION
ObjectTests::testCreateCertificates: the certificates are none
ObjectTests::testDefaultX509CertAttributes: the same
ObjectTests::testDefaultRSAPubAttributes: RSA with 512 bits
ObjectTests::testDefaultRSAPrivAttributes: an RSA key without its primes
ObjectTests::testTemplateAttribute: RSA with 512 bits
ObjectTests::testAlwaysNeverAttribute: C_SetAttributeValue may repeat what an object has
ObjectTests::testCreateSecretKey: DES is not offered
RandomTests::testSeedRandom: a seed is CKR_RANDOM_SEED_NOT_SUPPORTED, whatever it is
SessionTests::testOpenSession: wants a second token that is not initialized
SessionTests::testCloseAllSessions: wants a second slot
SignVerifyTests::testMacSignVerify: HMAC with MD5 is not offered
SymmetricAlgorithmTests::testAesEncryptDecrypt: AES-GCM with 1 MiB in one call
SymmetricAlgorithmTests::testDesEncryptDecrypt: DES is not offered
SymmetricAlgorithmTests::testNullTemplate: the same
SymmetricAlgorithmTests::testNonModifiableDesKeyGeneration: the same
SymmetricAlgorithmTests::testAesWrapUnwrap: a template that says CKA_SENSITIVE twice, with two values
SymmetricAlgorithmTests::testAesCtrOverflow: wants the length query to tell that the counter will overflow
UserTests::testLogin: C_InitToken keeps the PIN of the user
UserTests::testLogout: a second C_Logout is CKR_USER_NOT_LOGGED_IN
'
apt-get install -y --no-install-recommends dpkg-dev gcc g++ make pkg-config libssl-dev libcppunit-dev libsqlite3-dev opensc
apt-get source --tar-only softhsm2
mkdir softhsm && tar xf softhsm2_*.orig.tar.* -C softhsm --strip-components=1
cd softhsm
# A PIN has at least five characters here. The one slot stands for the second as well.
sed -i 's/"1234")/"user-1234")/
  s/^	if ( !hasFoundInitialized ) {/	if ( !hasFoundFree ) m_notInitializedTokenSlotID = m_initializedTokenSlotID;\n&/' src/lib/test/TestsNoPINInitBase.cpp
./configure --enable-eddsa --disable-gost > /srv/hsm/configure.log
cd src/lib/test
make -j2 p11test_DEPENDENCIES= p11test_LDADD= p11test_LDFLAGS='-lcppunit -lcrypto -ldl -pthread' \
  CPPFLAGS='-DP11M=\"./p11m.so\"' CXXFLAGS='-O0 -w' p11test > /srv/hsm/make.log
ln -s "$MODULE" p11m.so
pkcs11-tool --module "$MODULE" --login --login-type so --so-pin "$SO_PIN" --change-pin --new-pin 12345678
# Each test alone: the children of the fork tests would run what follows in the list.
for file in *Tests.h; do
  for test in $(sed -n 's/.*CPPUNIT_TEST( *\([A-Za-z0-9_]*\) *);.*/\1/p' "$file"); do
    name=${file%.h}::$test
    if timeout 100 ./p11test "$name" > "$name.log" 2>&1; then echo "passed $name"; else echo "failed $name"; fi
  done
done | judge softhsm
