import assert from 'node:assert/strict';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from 'node:crypto';
import { describe, test } from 'node:test';
import { createServerCertificate } from '#src/crypto/certificate.ts';
import { CKA, CKC, CKK, CKO, CKR } from '#src/cryptoki/constants.ts';
import { createRequest, type CreateRequest } from '#src/cryptoki/created-objects.ts';
import { CURVES } from '#src/cryptoki/curves.ts';
import { PARAMETER_SETS } from '#src/cryptoki/parameter-sets.ts';
import { KeyFlags, KeyType } from '#src/wire/enumerations.ts';
import { CkrError } from '#src/wire/status.ts';
import { type Template, template as attributesOf } from '#test/token/templates.ts';

function create(template: Template, role: 'user' | 'so' = 'user'): CreateRequest {
  return createRequest(attributesOf(template), role);
}

function refuses(template: Template, ckr: number, role: 'user' | 'so' = 'user'): void {
  assert.throws(
    () => create(template, role),
    (error) => error instanceof CkrError && error.ckr === ckr,
    JSON.stringify(template),
  );
}

function hex(bytes: Uint8Array | string): string {
  return `0x${typeof bytes === 'string' ? Buffer.from(bytes, 'base64url').toString('hex') : Buffer.from(bytes).toString('hex')}`;
}

function derOf(request: CreateRequest): Buffer {
  assert.ok(request.form === 'key');
  return Buffer.from(request.der);
}

function spkiOf(key: KeyObject): Buffer {
  return (key.type === 'private' ? createPublicKey(key) : key).export({ type: 'spki', format: 'der' });
}

/** Both halves of a private key that is loaded from PKCS#8. */
function publicHalf(pkcs8: Buffer): Buffer {
  return spkiOf(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }));
}

describe('RSA keys in plaintext', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { n = '', e = '', d = '', p = '', q = '', dp = '', dq = '', qi = '' } = privateKey.export({ format: 'jwk' });
  const numbers: Template = {
    CLASS: CKO.PRIVATE_KEY,
    KEY_TYPE: CKK.RSA,
    MODULUS: hex(n),
    PUBLIC_EXPONENT: hex(e),
    PRIVATE_EXPONENT: hex(d),
    PRIME_1: hex(p),
    PRIME_2: hex(q),
  };

  test('with and without the CRT parts give the key that OpenSSL has', () => {
    const crt = { ...numbers, EXPONENT_1: hex(dp), EXPONENT_2: hex(dq), COEFFICIENT: hex(qi) };
    const expected = privateKey.export({ type: 'pkcs8', format: 'der' });
    assert.deepEqual(derOf(create(crt)), expected);
    assert.deepEqual(derOf(create(numbers)), expected);
  });

  test('keep no secret among the attributes', () => {
    const request = create({ ...numbers, SIGN: true, LABEL: 'imported' });
    const secrets = [CKA.PRIVATE_EXPONENT, CKA.PRIME_1, CKA.PRIME_2, CKA.EXPONENT_1, CKA.VALUE, CKA.COEFFICIENT];
    for (const type of secrets) assert.equal(request.attributes.has(type), false);
    assert.equal(request.flags & KeyFlags.DIGITALSIGNATURE, KeyFlags.DIGITALSIGNATURE);
  });

  test('need all their numbers', () => {
    for (const name of ['MODULUS', 'PUBLIC_EXPONENT', 'PRIVATE_EXPONENT', 'PRIME_1', 'PRIME_2', 'KEY_TYPE', 'CLASS']) {
      const { [name]: _, ...rest } = numbers as Record<string, string | number>;
      refuses(rest, CKR.TEMPLATE_INCOMPLETE);
    }
    refuses({ ...numbers, PRIME_1: '0x00' }, CKR.ATTRIBUTE_VALUE_INVALID);
    refuses({ ...numbers, PRIME_1: '0x01' }, CKR.ATTRIBUTE_VALUE_INVALID);
    refuses({ ...numbers, EC_PARAMS: '0x00' }, CKR.ATTRIBUTE_TYPE_INVALID);
    refuses({ ...numbers, LOCAL: true }, CKR.ATTRIBUTE_READ_ONLY);
    refuses({ ...numbers, ID: `0x${'00'.repeat(4097)}` }, CKR.ATTRIBUTE_VALUE_INVALID);
    create({ ...numbers, ID: `0x${'00'.repeat(4096)}` });
  });
});

const CURVE_NAMES = [
  'P-256',
  'P-384',
  'P-521',
  'ed25519',
  'ed448',
  'secp256k1',
  'brainpoolP256r1',
  'brainpoolP320r1',
  'brainpoolP384r1',
  'brainpoolP512r1',
  'x25519',
  'x448',
];

describe('curve keys in plaintext', () => {
  for (const [index, curve] of CURVES.entries()) {
    const name = CURVE_NAMES[index] as string;
    test(name, () => {
      const { privateKey, publicKey } =
        curve.keyType === CKK.EC
          ? generateKeyPairSync('ec', { namedCurve: name })
          : generateKeyPairSync(name as 'ed25519');
      const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
      // RFC 5915: version, then the number; RFC 8410: the key alone. Both end the algorithm and start an OCTET STRING.
      const start = pkcs8.indexOf(Buffer.from(curve.oid)) + curve.oid.length;
      const header = curve.keyType === CKK.EC ? pkcs8.indexOf(Buffer.of(0x02, 0x01, 0x01, 0x04), start) + 5 : start + 4;
      const value = pkcs8.subarray(header, header + curve.privateSize);
      const kind = { KEY_TYPE: curve.keyType, EC_PARAMS: hex(curve.oid) };
      const secret = create({ CLASS: CKO.PRIVATE_KEY, ...kind, VALUE: hex(value) });
      const spki = spkiOf(publicKey);
      assert.deepEqual(publicHalf(derOf(secret)), spki);
      assert.equal(secret.attributes.has(CKA.VALUE), false);
      const point = create({ CLASS: CKO.PUBLIC_KEY, ...kind, EC_POINT: hex(spki.subarray(-curve.pointSize)) });
      assert.deepEqual(derOf(point), spki);
      refuses(
        { CLASS: CKO.PRIVATE_KEY, ...kind, VALUE: hex(Buffer.concat([value, value])) },
        CKR.ATTRIBUTE_VALUE_INVALID,
      );
      refuses({ CLASS: CKO.PRIVATE_KEY, ...kind, VALUE: '' }, CKR.ATTRIBUTE_VALUE_INVALID);
      refuses({ CLASS: CKO.PRIVATE_KEY, ...kind }, CKR.TEMPLATE_INCOMPLETE);
      const other = CURVES.find(({ keyType }) => keyType !== curve.keyType)?.oid ?? assert.fail();
      refuses({ CLASS: CKO.PRIVATE_KEY, ...kind, EC_PARAMS: hex(other), VALUE: hex(value) }, CKR.TEMPLATE_INCONSISTENT);
    });
  }
});

describe('post-quantum keys in plaintext', () => {
  for (const set of PARAMETER_SETS) {
    test(set.name, () => {
      const { privateKey, publicKey } = generateKeyPairSync(set.name.toLowerCase() as 'ed25519');
      const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
      const spki = spkiOf(publicKey);
      const kind = { KEY_TYPE: set.keyType, PARAMETER_SET: set.number };
      const material = pkcs8.subarray(-(set.seedSize || set.privateKeySize));
      const given = set.seedSize > 0 ? { SEED: hex(material) } : { VALUE: hex(material) };
      const secret = create({ CLASS: CKO.PRIVATE_KEY, ...kind, ...given });
      assert.deepEqual(derOf(secret), pkcs8);
      assert.deepEqual([secret.attributes.has(CKA.SEED), secret.attributes.has(CKA.VALUE)], [false, false]);
      const value = hex(spki.subarray(-set.publicKeySize));
      assert.deepEqual(derOf(create({ CLASS: CKO.PUBLIC_KEY, ...kind, VALUE: value })), spki);
      refuses({ CLASS: CKO.PRIVATE_KEY, ...kind }, CKR.TEMPLATE_INCOMPLETE);
      refuses({ CLASS: CKO.PRIVATE_KEY, ...kind, SEED: '0x00' }, CKR.ATTRIBUTE_VALUE_INVALID);
      refuses({ CLASS: CKO.PUBLIC_KEY, ...kind, VALUE: '0x00' }, CKR.ATTRIBUTE_VALUE_INVALID);
      const unknown = { ...kind, PARAMETER_SET: 99 };
      refuses({ CLASS: CKO.PUBLIC_KEY, ...unknown, VALUE: value }, CKR.PARAMETER_SET_NOT_SUPPORTED);
    });
  }
});

describe('secret keys in plaintext', () => {
  const aes: Template = { CLASS: CKO.SECRET_KEY, KEY_TYPE: CKK.AES, VALUE: '0x000102030405060708090a0b0c0d0e0f' };

  test('go to the device as their value', () => {
    const request = create({ ...aes, VALUE_LEN: 16 });
    assert.ok(request.form === 'object');
    assert.deepEqual(
      [request.type, request.bits, Buffer.from(request.value).toString('hex')],
      [KeyType.SECRET, 128, '000102030405060708090a0b0c0d0e0f'],
    );
    for (const usage of [CKA.ENCRYPT, CKA.DECRYPT]) assert.deepEqual(request.attributes.get(usage), Uint8Array.of(1));
    for (const type of [CKA.VALUE, CKA.VALUE_LEN]) assert.equal(request.attributes.has(type), false);
  });

  test('have the lengths of their type', () => {
    for (const length of [0, 1, 15, 17, 33])
      refuses({ ...aes, VALUE: `0x${'ab'.repeat(length)}` }, CKR.ATTRIBUTE_VALUE_INVALID);
    const generic = { ...aes, KEY_TYPE: CKK.GENERIC_SECRET };
    create({ ...generic, VALUE: '0xab' });
    refuses({ ...generic, VALUE: '' }, CKR.ATTRIBUTE_VALUE_INVALID);
    refuses({ ...aes, VALUE_LEN: 32 }, CKR.TEMPLATE_INCONSISTENT);
    refuses({ ...aes, KEY_TYPE: 0x15 }, CKR.ATTRIBUTE_VALUE_INVALID);
    refuses({ ...aes, TRUSTED: true }, CKR.ATTRIBUTE_READ_ONLY);
    create({ ...aes, TRUSTED: true }, 'so');
  });
});

describe('certificates', () => {
  const notBefore = new Date('2026-01-01');
  const { certPem } = createServerCertificate({ commonName: 'hsm.example', addresses: [], notBefore, days: 30 });
  const certificate = new X509Certificate(certPem);
  const template: Template = { CLASS: CKO.CERTIFICATE, CERTIFICATE_TYPE: CKC.X_509, VALUE: hex(certificate.raw) };

  test('tell their subject, issuer and serial number themselves', () => {
    const { attributes } = create(template);
    const subject = attributes.get(CKA.SUBJECT) ?? assert.fail();
    assert.ok(Buffer.from(subject).includes('Diamond'));
    assert.deepEqual(attributes.get(CKA.ISSUER), subject);
    const serial = Buffer.from(attributes.get(CKA.SERIAL_NUMBER) ?? [])
      .subarray(2)
      .toString('hex');
    assert.equal(BigInt(`0x${serial}`), BigInt(`0x${certificate.serialNumber}`));
    assert.deepEqual(Buffer.from(attributes.get(CKA.PUBLIC_KEY_INFO) ?? []), spkiOf(certificate.publicKey));
    create({ ...template, SUBJECT: hex(subject), ISSUER: '' });
    const bare = create({ ...template, SERIAL_NUMBER: `0x${serial}` });
    assert.equal(hex(bare.attributes.get(CKA.SERIAL_NUMBER) ?? assert.fail()), `0x${serial}`, 'as Java gives it');
    const check = createHash('sha1').update(certificate.raw).digest().subarray(0, 3);
    assert.deepEqual(Buffer.from(attributes.get(CKA.CHECK_VALUE) ?? []), check);
    create({ ...template, CHECK_VALUE: hex(check) });
    assert.equal(create({ ...template, CHECK_VALUE: '' }).attributes.get(CKA.CHECK_VALUE)?.length, 0);
  });

  test('must be what the template says', () => {
    refuses({ ...template, SUBJECT: '0x3000' }, CKR.TEMPLATE_INCONSISTENT);
    refuses({ ...template, SERIAL_NUMBER: '0x020101ff' }, CKR.TEMPLATE_INCONSISTENT);
    refuses({ ...template, VALUE: hex(certificate.raw.subarray(1)) }, CKR.ATTRIBUTE_VALUE_INVALID);
    refuses({ ...template, VALUE: hex(certificate.raw.subarray(0, -1)) }, CKR.ATTRIBUTE_VALUE_INVALID);
    refuses({ ...template, CERTIFICATE_TYPE: 2 }, CKR.ATTRIBUTE_VALUE_INVALID);
    refuses({ CLASS: CKO.CERTIFICATE, VALUE: hex(certificate.raw) }, CKR.TEMPLATE_INCOMPLETE);
    refuses({ ...template, CHECK_VALUE: '0x000000' }, CKR.ATTRIBUTE_VALUE_INVALID);
    refuses({ ...template, TRUSTED: true }, CKR.ATTRIBUTE_READ_ONLY);
    assert.deepEqual(create({ ...template, TRUSTED: true }, 'so').attributes.get(CKA.TRUSTED), Uint8Array.of(1));
  });
});

describe('data', () => {
  test('that is private is no attribute', () => {
    const template: Template = { CLASS: CKO.DATA, APPLICATION: 'app', VALUE: 'content' };
    const secret = create(template);
    assert.ok(secret.form === 'object');
    assert.deepEqual([secret.attributes.has(CKA.VALUE), Buffer.from(secret.value).toString()], [false, 'content']);
    const open = create({ ...template, PRIVATE: false });
    assert.ok(open.form === 'object');
    assert.deepEqual([open.value.length, Buffer.from(open.attributes.get(CKA.VALUE) ?? []).toString()], [0, 'content']);
  });
});

test('classes that are not created', () => {
  refuses({ CLASS: CKO.PROFILE }, CKR.TEMPLATE_INCONSISTENT);
  refuses({ CLASS: 0xce53_4351 }, CKR.ATTRIBUTE_VALUE_INVALID);
  refuses({ CLASS: CKO.PUBLIC_KEY, KEY_TYPE: 1 }, CKR.ATTRIBUTE_VALUE_INVALID);
  refuses({}, CKR.TEMPLATE_INCOMPLETE);
});
