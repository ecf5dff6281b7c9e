/** Keys of the fake appliance: node:crypto makes them and signs, independent of the product's own crypto. */

import {
  constants,
  createECDH,
  generateKeyPairSync,
  type KeyObject,
  privateEncrypt,
  randomBytes,
  sign as signMessage,
} from 'node:crypto';

import { CKA, CKK, CKM, CKO } from '#src/cryptoki/constants.ts';
import { Bug } from '#src/wire/status.ts';

export interface Attribute {
  readonly type: number;
  readonly value: Uint8Array;
}

export interface FakePair {
  readonly privateKey: KeyObject;
  readonly publicAttributes: Attribute[];
  readonly privateAttributes: Attribute[];
}

interface NamedCurve {
  readonly name: string;
  readonly params: string;
  readonly order: bigint;
}

/** SEC 2, section 2.4. */
const CURVES: readonly NamedCurve[] = [
  {
    name: 'prime256v1',
    params: '06082a8648ce3d030107',
    order: BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'),
  },
  {
    name: 'secp384r1',
    params: '06052b81040022',
    order: BigInt('0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973'),
  },
  {
    name: 'secp521r1',
    params: '06052b81040023',
    order: BigInt(`0x01${'f'.repeat(64)}fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409`),
  },
];

const ED25519_PARAMS = '06032b6570';

export function ulong(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function big(text: string | undefined): Buffer {
  return Buffer.from(text ?? '', 'base64url');
}

function octetString(content: Buffer): Buffer {
  const header = content.length < 128 ? [4, content.length] : [4, 0x81, content.length];
  return Buffer.concat([Buffer.from(header), content]);
}

export function makePair(mechanism: number, size: Uint8Array): FakePair {
  const made = mechanism === CKM.RSA_PKCS_KEY_PAIR_GEN ? makeRsa(size) : makeCurve(Buffer.from(size).toString('hex'));
  const both = (type: number, first: Attribute[], own: Attribute[]) => [
    { type: CKA.CLASS, value: ulong(type) },
    ...first,
    ...own,
  ];
  return {
    privateKey: made.privateKey,
    publicAttributes: both(CKO.PUBLIC_KEY, made.shared, made.publicOnly),
    privateAttributes: both(CKO.PRIVATE_KEY, made.shared, [
      { type: CKA.SENSITIVE, value: Uint8Array.of(1) },
      { type: CKA.EXTRACTABLE, value: Uint8Array.of(0) },
    ]),
  };
}

interface Made {
  readonly privateKey: KeyObject;
  readonly shared: Attribute[];
  readonly publicOnly: Attribute[];
}

function makeRsa(size: Uint8Array): Made {
  const modulusLength = Number(Buffer.from(size).readBigUInt64LE());
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength });
  const jwk = publicKey.export({ format: 'jwk' });
  return {
    privateKey,
    shared: [
      { type: CKA.KEY_TYPE, value: ulong(CKK.RSA) },
      { type: CKA.MODULUS, value: big(jwk.n) },
      { type: CKA.PUBLIC_EXPONENT, value: big(jwk.e) },
    ],
    publicOnly: [{ type: CKA.MODULUS_BITS, value: size }],
  };
}

function makeCurve(params: string): Made {
  const value = Buffer.from(params, 'hex');
  if (params === ED25519_PARAMS) {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const point = big(publicKey.export({ format: 'jwk' }).x);
    return {
      privateKey,
      shared: [
        { type: CKA.KEY_TYPE, value: ulong(CKK.EC_EDWARDS) },
        { type: CKA.EC_PARAMS, value },
      ],
      publicOnly: [{ type: CKA.EC_POINT, value: octetString(point) }],
    };
  }
  const curve = CURVES.find((one) => one.params === params);
  if (!curve) throw new Bug(`no curve ${params}`);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve.name });
  const jwk = publicKey.export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.of(4), big(jwk.x), big(jwk.y)]);
  return {
    privateKey,
    shared: [
      { type: CKA.KEY_TYPE, value: ulong(CKK.EC) },
      { type: CKA.EC_PARAMS, value },
    ],
    publicOnly: [{ type: CKA.EC_POINT, value: octetString(point) }],
  };
}

/** RFC 8017, 9.2, note 1. */
const DIGEST_INFO: Readonly<Record<number, string>> = {
  [CKM.MD5_RSA_PKCS]: '3020300c06082a864886f70d020505000410',
  [CKM.SHA1_RSA_PKCS]: '3021300906052b0e03021a05000414',
  [CKM.SHA224_RSA_PKCS]: '302d300d06096086480165030402040500041c',
  [CKM.SHA256_RSA_PKCS]: '3031300d060960864801650304020105000420',
  [CKM.SHA384_RSA_PKCS]: '3041300d060960864801650304020205000430',
  [CKM.SHA512_RSA_PKCS]: '3051300d060960864801650304020305000440',
};

/** Signs as SIGN does: the digest of mechanisms that hash, else the data; raw signature out. */
export function signRaw(key: KeyObject, mechanism: number, data: Uint8Array): Buffer {
  const info = DIGEST_INFO[mechanism];
  if (info !== undefined) {
    const input = Buffer.concat([Buffer.from(info, 'hex'), data]);
    return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, input);
  }
  switch (mechanism) {
    case CKM.RSA_PKCS:
      return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, data);
    case CKM.EDDSA:
      return signMessage(null, data, key);
    default:
      return signDigest(key, data);
  }
}

/** FIPS 186-5, 6.4.1; node:crypto only signs messages. */
function signDigest(key: KeyObject, digest: Uint8Array): Buffer {
  const jwk = key.export({ format: 'jwk' });
  const curve = CURVES.find(({ name }) => name === key.asymmetricKeyDetails?.namedCurve);
  if (!curve) throw new Bug('not a key on a curve');
  const bits = curve.order.toString(2).length;
  const size = Math.ceil(bits / 8);
  const excess = Math.max(0, 8 * digest.length - bits);
  const e = BigInt(`0x0${Buffer.from(digest).toString('hex')}`) >> BigInt(excess);
  const d = BigInt(`0x${big(jwk.d).toString('hex')}`);
  const ecdh = createECDH(curve.name);
  const k = (BigInt(`0x${randomBytes(size + 8).toString('hex')}`) % (curve.order - 1n)) + 1n;
  ecdh.setPrivateKey(fixed(k, size));
  const r =
    BigInt(
      `0x${ecdh
        .getPublicKey()
        .subarray(1, 1 + size)
        .toString('hex')}`,
    ) % curve.order;
  const s = (inverse(k, curve.order) * (e + r * d)) % curve.order;
  return Buffer.concat([fixed(r, size), fixed(s, size)]);
}

function fixed(value: bigint, size: number): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * size, '0'), 'hex');
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value, modulus, 1n, 0n];
  while (b !== 0n) {
    const quotient = a / b;
    [a, b] = [b, a - quotient * b];
    [x, y] = [y, x - quotient * y];
  }
  return ((x % modulus) + modulus) % modulus;
}
