/**
 * PKEY_EXPORT and PKEY_IMPORT: a key travels wrapped under a fresh key (KEK), which travels encrypted under an RSA key of
 * the receiver (KEKEK). Both parts are EncryptedPrivateKeyInfo structures (RFC 5958 section 3).
 */

import { constants, createPrivateKey, createPublicKey, privateDecrypt, publicEncrypt, randomBytes } from 'node:crypto';
import { checkVendorExport } from '#src/cryptoki/separation.ts';
import { DerReader, DerWriter, Tag } from '#src/crypto/der.ts';
import { isHssKey } from '#src/crypto/hss-key.ts';
import { unwrapKey, wrapKey } from '#src/crypto/key-wrap.ts';
import { wipe } from '#src/crypto/process-hardening.ts';
import { RSA_OID } from '#src/crypto/key-algorithm.ts';
import { KeyFlags, KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { checkKeyFlags } from '../access.ts';
import { type Device } from '../device.ts';
import { type DeviceKey, vendorFlags } from '../device-key.ts';
import { type Handlers } from '../handler.ts';
import { checkHashsigFlags } from '../hashsig-keys.ts';
import { isPrivateKey } from '../key-der.ts';
import { viewOf } from '../key-policy.ts';
import { keyBehind, parseVendorKey } from './key-handles.ts';
import { storeAndOpen, storeHashsig } from './new-key.ts';
import { checkReplySize, opaqueSize } from './reply-size.ts';

const KEK_SIZE = 32;

/** id-aes256-wrap-pad, 2.16.840.1.101.3.4.1.48 (RFC 5649 section 5). */
const AES256_WRAP_PAD_OID = '608648016503040130';

/** A CrypTech device wants room for the largest key it knows, whatever the size of this one. */
const MIN_PKCS8_MAX = 5480;

export const keyExchange: Handlers<'PKEY_EXPORT' | 'PKEY_IMPORT'> = {
  async PKEY_EXPORT(device, connection, { pkey, kekek: kekekHandle, pkcs8Max, kekMax }) {
    if (kekMax <= KEK_SIZE) throw new HalError('BAD_ARGUMENTS');
    checkReplySize(opaqueSize(pkcs8Max) + opaqueSize(kekMax));
    const key = keyBehind(device, connection, pkey);
    const kekek = keyBehind(device, connection, kekekHandle);
    device.access.checkUse(connection, key);
    if ((vendorFlags(key) & KeyFlags.EXPORTABLE) === 0) throw new HalError('FORBIDDEN', 'the key is not exportable');
    if (key.wrapped !== undefined) checkVendorExport(viewOf(key));
    checkKekek(kekek);
    if (kekek.type !== KeyType.RSA_PRIVATE && kekek.type !== KeyType.RSA_PUBLIC) {
      throw new HalError('UNSUPPORTED_KEY', 'keys travel under RSA keys only');
    }
    if (pkcs8Max < MIN_PKCS8_MAX) throw new HalError('RESULT_TOO_LONG');
    const kek = randomBytes(KEK_SIZE);
    let secret: Uint8Array | undefined;
    try {
      const receiver = createPublicKey({ key: Buffer.from(kekek.spki), format: 'der', type: 'spki' });
      const encrypted = publicEncrypt({ key: receiver, padding: constants.RSA_PKCS1_PADDING }, kek);
      const kekInfo = writeEncrypted(RSA_OID, encrypted);
      if (kekInfo.length > kekMax) throw new HalError('RESULT_TOO_LONG');
      // What is given away of a hash-based key is gone from here, so nothing may fail after it but the reply.
      const isPrivateHashsig = key.type === KeyType.HASHSIG_PRIVATE;
      secret = isPrivateHashsig ? await device.hashsig.giveAwayHalf(key) : await device.keys.unwrap(key);
      const pkcs8 = writeEncrypted(AES256_WRAP_PAD_OID, wrapKey(kek, secret ?? key.spki));
      if (pkcs8.length > pkcs8Max) throw new HalError('RESULT_TOO_LONG');
      return { pkcs8, kek: kekInfo };
    } finally {
      wipe(kek);
      if (secret) wipe(secret);
    }
  },

  async PKEY_IMPORT(device, connection, { session, kekek: kekekHandle, pkcs8, kek: kekInfo, flags }) {
    if (kekInfo.length < 3) throw new HalError('BAD_ARGUMENTS');
    checkKeyFlags(flags);
    const kekek = keyBehind(device, connection, kekekHandle);
    // Before the expensive part.
    device.access.checkCreate(connection, flags);
    checkKekek(kekek);
    if (kekek.type !== KeyType.RSA_PRIVATE) throw new HalError('UNSUPPORTED_KEY', 'the receiving key is RSA');
    const wrapped = readEncrypted(AES256_WRAP_PAD_OID, pkcs8);
    const encrypted = readEncrypted(RSA_OID, kekInfo);
    const kek = await decryptKek(device, kekek, encrypted);
    let der: Uint8Array;
    try {
      der = unwrapKey(kek, wrapped);
    } finally {
      wipe(kek);
    }
    if (isPrivateKey(der) && isHssKey(der)) return importHashsig(device, connection, der, flags, session);
    const parsed = parseVendorKey(der);
    wipe(der);
    try {
      return await device.runFor(
        connection,
        () => device.masterKey.require(),
        () => storeAndOpen(device, connection, parsed, flags, session),
      );
    } finally {
      if (parsed.pkcs8) wipe(parsed.pkcs8);
    }
  },
};

/** The seed is proven by its tree, which takes a while. HalError KEY_NAME_IN_USE if the device ever had this identifier. */
async function importHashsig(
  device: Device,
  connection: number,
  der: Uint8Array,
  flags: number,
  session: number,
): Promise<{ pkey: number; uuid: Uint8Array }> {
  try {
    checkHashsigFlags(flags);
    return await device.runFor(
      connection,
      async () => {
        await device.masterKey.require();
        return device.generations.run(() => device.hashsig.receive(der));
      },
      (made) => storeHashsig(device, connection, made, flags, session),
    );
  } finally {
    wipe(der);
  }
}

function checkKekek({ flags }: DeviceKey): void {
  if ((flags & KeyFlags.KEYENCIPHERMENT) === 0) throw new HalError('FORBIDDEN', 'the receiving key is not for keys');
}

/** A wrong padding gives a random KEK and so the same error as a wrong KEK: no oracle (Bleichenbacher 1998). */
async function decryptKek(device: Device, kekek: DeviceKey, encrypted: Uint8Array): Promise<Uint8Array> {
  const secret = (await device.keys.unwrap(kekek)) as Uint8Array;
  const random = randomBytes(KEK_SIZE);
  try {
    const key = createPrivateKey({
      key: Buffer.from(secret.buffer, secret.byteOffset, secret.length),
      format: 'der',
      type: 'pkcs8',
    });
    // OpenSSL rejects implicitly: a wrong padding gives random bytes of random length.
    const kek = privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, encrypted);
    return kek.length === KEK_SIZE ? kek : random;
  } catch {
    return random;
  } finally {
    wipe(secret);
  }
}

/** EncryptedPrivateKeyInfo without algorithm parameters. */
function writeEncrypted(oid: string, content: Uint8Array): Uint8Array {
  return DerWriter.sequence(DerWriter.sequence(DerWriter.oid(oid)), DerWriter.octetString(content));
}

/** @throws HalError ASN1_PARSE_FAILED */
function readEncrypted(oid: string, der: Uint8Array): Uint8Array {
  const outer = new DerReader(der);
  const info = outer.sequence();
  outer.end();
  const algorithm = info.sequence();
  if (algorithm.oid() !== oid) throw new HalError('ASN1_PARSE_FAILED', 'unexpected algorithm');
  if (algorithm.next !== undefined) algorithm.element(Tag.NULL);
  algorithm.end();
  const content = info.octetString();
  info.end();
  return content;
}
