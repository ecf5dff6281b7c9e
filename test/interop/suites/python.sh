# The tests of python-pkcs11, from Debian's source package.
# Debian 13.
# settings.json: {"keySeparation": "standard"}

# Its keys have all usages at once, hence the separation of keys is that of the standard.
EXPECTED='
ECCTests::test_derive_key: the curve prime192v1
ECCTests::test_import_key_pair: a curve that is given by its numbers, not by its name
ECCTests::test_import_key_params: the same
ECCTests::test_sign_eddsa: asks CKM_EC_KEY_PAIR_GEN for a key on an Edwards curve
SessionTests::test_seed_random: a seed is CKR_RANDOM_SEED_NOT_SUPPORTED, as PKCS#11 allows
X509Tests::test_self_sign_certificate: its own mistake, a date without time zone
X509Tests::test_verify_certificate_ecdsa: a curve that is given by its numbers
X509Tests::test_verify_certificate_rsa: RSA with 512 bits
'
apt-get install -y --no-install-recommends dpkg-dev python3-pkcs11 python3-pytest python3-parameterized python3-oscrypto python3-cryptography openssl
apt-get source --tar-only python-pkcs11
tar xf python-pkcs11_*.orig.tar.* --strip-components=1 --wildcards '*/tests'
export PKCS11_MODULE=$MODULE PKCS11_TOKEN_LABEL='Cryptech Token' PKCS11_TOKEN_PIN=$PIN PKCS11_TOKEN_SO_PIN=$SO_PIN
python3 -m pytest -rA tests > python.log 2>&1 || true
for verdict in 'PASSED passed' 'FAILED failed'; do
  sed -n "s/^${verdict% *} tests\/[a-z0-9_]*\.py::\([^ ]*\).*/${verdict#* } \1/p" python.log
done > results
sed -n 's/^\(SKIPPED\|XFAIL\) /skipped /p' python.log >> results
judge python-pkcs11 < results
