# The tests of Rust's cryptoki, from Debian's package.
# Debian 13.
# settings.json: {"initTokenErasesKeys": true}

EXPECTED='
get_info_test: wants the manufacturer SoftHSM
get_token_info: the same
get_slot_info_test: wants a slot without hardware
wrap_and_unwrap_key: DES is not offered
'
apt-get install -y --no-install-recommends cargo gcc libc6-dev opensc librust-cryptoki-dev librust-hex-dev librust-num-traits-dev \
  librust-serial-test-dev
mkdir -p ~/.cargo
printf '[source.crates-io]\nreplace-with = "debian"\n[source.debian]\ndirectory = "/usr/share/cargo/registry"\n' > ~/.cargo/config.toml
cp -rL /usr/share/cargo/registry/cryptoki-0* cryptoki && cd cryptoki
# The token takes no seed.
sed -i '/session.seed_random(/d' tests/basic.rs
pkcs11-tool --module "$MODULE" --login --login-type so --so-pin "$SO_PIN" --change-pin --new-pin abcdef
# Lints of newer compilers are no errors.
RUSTFLAGS='--cap-lints warn' PKCS11_SOFTHSM2_MODULE=$MODULE cargo test --offline --test basic > /srv/hsm/rust.log 2>&1 || true
for verdict in 'ok passed' 'FAILED failed' 'ignored skipped'; do
  sed -n "s/^test \(.*\) \.\.\. ${verdict% *}.*/${verdict#* } \1/p" /srv/hsm/rust.log
done | judge rust
