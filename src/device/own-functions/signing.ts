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
import { signatureMethod } from '../mechanisms/signatures.ts';

type SignArgs = ArgsOf<'KEY_SIGN'>;
type VerifyArgs = ArgsOf<'KEY_VERIFY'>;
type Signature = ResultsOf<'KEY_SIGN'>;

/** What a signing key does by itself; nearly all that is ever asked. */
interface RawMechanism {
  readonly scheme: SignatureScheme;
  readonly privateType: KeyType;
  readonly publicType: KeyType;
  /** What the rules know it as. */
  readonly mechanism: number;
  readonly wholeDigest?: boolean;
}

/**
 * CKM_ECDSA with the vendor's bit: as a CrypTech device signs, see {@link wholeDigest}. The appliance asks for it on behalf
 * of vendor clients if it is to repeat what the vendor's appliance does.
 */
const ECDSA_WHOLE_DIGEST = VENDOR_DEFINED + CKM.ECDSA;

const RSA: RawMechanism = {
  scheme: 'rsa-pkcs1',
  privateType: KeyType.RSA_PRIVATE,
  publicType: KeyType.RSA_PUBLIC,
  mechanism: CKM.RSA_PKCS,
};
const ECDSA: RawMechanism = {
  scheme: 'ecdsa',
  privateType: KeyType.EC_PRIVATE,
  publicType: KeyType.EC_PUBLIC,
  mechanism: CKM.ECDSA,
};
const EDDSA: RawMechanism = {
  scheme: 'eddsa',
  privateType: KeyType.ED_PRIVATE,
  publicType: KeyType.ED_PUBLIC,
  mechanism: CKM.EDDSA,
};

const RAW_MECHANISMS = new Map<number, RawMechanism>([
  [CKM.RSA_PKCS, RSA],
  [CKM.ECDSA, ECDSA],
  [ECDSA_WHOLE_DIGEST, { ...ECDSA, wholeDigest: true }],
  [CKM.EDDSA, EDDSA],
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
    if (known === undefined) checkMac(device, connection, device.keys.find(connection, args.key));
    const key = known ?? (await device.keys.load(connection, args.key));
    await verify(device, connection, key, args);
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
  args: SignArgs,
): SignatureToMake | Promise<Signature> {
  const { mechanism: number, parameter, data } = args;
  if (!device.access.sees(connection, key)) throw new HalError('KEY_NOT_FOUND');
  device.access.checkUse(connection, key);
  const mechanism = parameter.length === 0 ? RAW_MECHANISMS.get(number) : undefined;
  if (mechanism === undefined) return signByMethod(device, connection, key, args);
  if (key.type !== mechanism.privateType) throw new HalError('UNSUPPORTED_KEY', 'not a private key of this mechanism');
  checkSignatureFlag(key.flags);
  if (key.signsWith !== mechanism.mechanism) {
    device.policy.permit(connection, key, 'sign', mechanism.mechanism);
    if (key.isAllowed('sign', mechanism.mechanism)) key.signsWith = mechanism.mechanism;
  }
  const { signingKey } = key;
  const input = inputOf(signingKey, mechanism, data);
  // A use of a key with a limit is written to the disk before the signature leaves.
  if (signingKey.immediate && !key.isLimited) {
    device.uses.add(key.id, key.uses);
    return new SignatureToMake(signingKey, mechanism.scheme, input);
  }
  return counted(device, key, signingKey.sign(mechanism.scheme, input));
}

async function signByMethod(
  device: Device,
  connection: number,
  key: LoadedKey,
  { mechanism, parameter, data }: SignArgs,
): Promise<Signature> {
  const method = signatureMethod(mechanism, parameter);
  device.policy.permit(connection, key, 'sign', mechanism);
  return counted(device, key, method.sign(key, data));
}

async function counted(device: Device, key: LoadedKey, signing: Uint8Array | Promise<Uint8Array>): Promise<Signature> {
  const signature = await signing;
  device.policy.count(key, 'sign');
  return { signature };
}

/** A key for CKM_HSS (PKCS#11 3.1 section 6.14), which is not among the loaded ones. */
function hashsigKey(device: Device, connection: number, { key: uuid, parameter }: SignArgs | VerifyArgs): DeviceKey {
  const key = device.keys.find(connection, uuid);
  checkSignatureFlag(key.flags);
  if (!isHashsig(key)) throw new HalError('UNSUPPORTED_KEY', 'not a hash-based key');
  if (parameter.length > 0) throw new HalError('BAD_ARGUMENTS', 'the mechanism takes no parameter');
  return key;
}

async function verify(device: Device, connection: number, key: LoadedKey, args: VerifyArgs): Promise<void> {
  if (!device.access.sees(connection, key)) throw new HalError('KEY_NOT_FOUND');
  checkMac(device, connection, key);
  const { mechanism: number, parameter, data, signature } = args;
  const mechanism = parameter.length === 0 ? RAW_MECHANISMS.get(number) : undefined;
  if (mechanism === undefined) {
    const method = signatureMethod(number, parameter);
    device.policy.permit(connection, key, 'verify', number);
    if (!(await method.verify(key, data, signature))) throw new HalError('INVALID_SIGNATURE');
    return;
  }
  if (key.type !== mechanism.privateType && key.type !== mechanism.publicType) {
    throw new HalError('UNSUPPORTED_KEY', 'not a key of this mechanism');
  }
  checkSignatureFlag(key.flags);
  device.policy.permit(connection, key, 'verify', mechanism.mechanism);
  const { signingKey } = key;
  const input = inputOf(signingKey, mechanism, data);
  if (!signingKey.verify(mechanism.scheme, input, signature)) throw new HalError('INVALID_SIGNATURE');
}

/** Whoever verifies a MAC can make one by trying: it takes the right to use the key. HalError FORBIDDEN. */
function checkMac(device: Device, connection: number, key: Pick<LoadedKey, 'type' | 'flags'>): void {
  if (key.type === KeyType.SECRET) device.access.checkUse(connection, key);
}

function inputOf(signingKey: SigningKey, mechanism: RawMechanism, data: Uint8Array): Uint8Array {
  return mechanism.wholeDigest === true ? wholeDigest(signingKey.curve, data) : data;
}
