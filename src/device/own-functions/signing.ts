/** KEY_SIGN and KEY_VERIFY: what a device does nearly all of its time. */

import { type SignatureScheme, type SigningKey } from '#src/crypto/signing-key.ts';
import { wholeDigest } from '#src/crypto/whole-digest.ts';
import { CKM, VENDOR_DEFINED } from '#src/cryptoki/constants.ts';
import { KeyType } from '#src/wire/enumerations.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { HalError } from '#src/wire/status.ts';
import { checkSignatureFlag } from '../access.ts';
import { type Device } from '../device.ts';
import { type DeviceKey, idOf, isHashsig } from '../device-key.ts';
import { type Handlers, SignatureToMake } from '../handler.ts';
import { type LoadedKey } from '../loaded-keys.ts';

type SignArgs = ArgsOf<'KEY_SIGN'>;
type VerifyArgs = ArgsOf<'KEY_VERIFY'>;
type Signature = ResultsOf<'KEY_SIGN'>;

interface Mechanism {
  readonly scheme: SignatureScheme;
  readonly privateType: KeyType;
  readonly publicType: KeyType;
  readonly wholeDigest?: boolean;
}

/**
 * CKM_ECDSA with the vendor's bit: as a CrypTech device signs, see {@link wholeDigest}. The appliance asks for it on behalf
 * of vendor clients if it is to repeat what the vendor's appliance does.
 */
const ECDSA_WHOLE_DIGEST = VENDOR_DEFINED + CKM.ECDSA;

const ECDSA: Mechanism = { scheme: 'ecdsa', privateType: KeyType.EC_PRIVATE, publicType: KeyType.EC_PUBLIC };

/** Raw mechanisms: hashing, if the application's mechanism asks for it, is done before. */
const MECHANISMS = new Map<number, Mechanism>([
  [CKM.RSA_PKCS, { scheme: 'rsa-pkcs1', privateType: KeyType.RSA_PRIVATE, publicType: KeyType.RSA_PUBLIC }],
  [CKM.ECDSA, ECDSA],
  [ECDSA_WHOLE_DIGEST, { ...ECDSA, wholeDigest: true }],
  [CKM.EDDSA, { scheme: 'eddsa', privateType: KeyType.ED_PRIVATE, publicType: KeyType.ED_PUBLIC }],
]);

export const signing: Handlers<'KEY_SIGN' | 'KEY_VERIFY'> = {
  KEY_SIGN(device, connection, args) {
    const key = device.keys.loaded(idOf(args.key));
    return key === undefined ? loadAndSign(device, connection, args) : sign(device, connection, key, args);
  },

  async KEY_VERIFY(device, connection, args) {
    const known = device.keys.loaded(idOf(args.key));
    if (known === undefined && args.mechanism === CKM.HSS) {
      const hashsig = hashsigKey(device, connection, args);
      if (!(await device.hashsig.verify(hashsig, args.data, args.signature))) throw new HalError('INVALID_SIGNATURE');
      return {};
    }
    const key = known ?? (await device.keys.load(connection, args.key));
    verify(device, connection, key, args);
    return {};
  },
};

async function loadAndSign(device: Device, connection: number, args: SignArgs): Promise<Signature | SignatureToMake> {
  // Whoever may not use the key shall not make the device load it.
  device.access.checkUse(connection, device.keys.find(connection, args.key));
  if (args.mechanism === CKM.HSS) {
    const key = hashsigKey(device, connection, args);
    if (key.type !== KeyType.HASHSIG_PRIVATE) throw new HalError('UNSUPPORTED_KEY', 'not a private key');
    return { signature: await device.hashsig.sign(key, args.data) };
  }
  return sign(device, connection, await device.keys.load(connection, args.key), args);
}

function sign(
  device: Device,
  connection: number,
  key: LoadedKey,
  { mechanism: number, parameter, data }: SignArgs,
): SignatureToMake | Promise<Signature> {
  if (!device.access.sees(connection, key)) throw new HalError('KEY_NOT_FOUND');
  device.access.checkUse(connection, key);
  const mechanism = checkMechanism(key, number, parameter);
  if (key.type !== mechanism.privateType) throw new HalError('UNSUPPORTED_KEY', 'not a private key of this mechanism');
  const { signingKey } = key;
  const input = inputOf(key, mechanism, data);
  return signingKey.immediate
    ? new SignatureToMake(signingKey, mechanism.scheme, input)
    : signOnPool(signingKey, mechanism.scheme, input);
}

/** A key for CKM_HSS (PKCS#11 3.1 section 6.14), which is not among the loaded ones. */
function hashsigKey(device: Device, connection: number, { key: uuid, parameter }: SignArgs | VerifyArgs): DeviceKey {
  const key = device.keys.find(connection, uuid);
  checkSignatureFlag(key.flags);
  if (!isHashsig(key)) throw new HalError('UNSUPPORTED_KEY', 'not a hash-based key');
  if (parameter.length > 0) throw new HalError('BAD_ARGUMENTS', 'the mechanism takes no parameter');
  return key;
}

async function signOnPool(key: SigningKey, scheme: SignatureScheme, input: Uint8Array): Promise<Signature> {
  return { signature: await key.sign(scheme, input) };
}

function verify(device: Device, connection: number, key: LoadedKey, args: VerifyArgs): void {
  if (!device.access.sees(connection, key)) throw new HalError('KEY_NOT_FOUND');
  const mechanism = checkMechanism(key, args.mechanism, args.parameter);
  if (key.type !== mechanism.privateType && key.type !== mechanism.publicType) {
    throw new HalError('UNSUPPORTED_KEY', 'not a key of this mechanism');
  }
  const input = inputOf(key, mechanism, args.data);
  if (!key.signingKey.verify(mechanism.scheme, input, args.signature)) throw new HalError('INVALID_SIGNATURE');
}

function inputOf({ signingKey }: LoadedKey, mechanism: Mechanism, data: Uint8Array): Uint8Array {
  return mechanism.wholeDigest === true ? wholeDigest(signingKey.curve, data) : data;
}

function checkMechanism(key: LoadedKey, number: number, parameter: Uint8Array): Mechanism {
  checkSignatureFlag(key.flags);
  const mechanism = MECHANISMS.get(number);
  if (mechanism === undefined) throw new HalError('UNSUPPORTED_KEY', `mechanism 0x${number.toString(16)}`);
  // EdDSA with a context or a prehash (CK_EDDSA_PARAMS) gives other signatures; never plain ones by mistake.
  if (parameter.length > 0) throw new HalError('BAD_ARGUMENTS', 'the mechanism takes no parameter');
  return mechanism;
}
