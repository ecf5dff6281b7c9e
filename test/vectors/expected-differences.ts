/**
 * Where replies differ from the recording, frame by frame: name of the frame, against what, what differs, why. A difference that is
 * not listed fails the test, and so does one that is listed and does not occur.
 */

import { type TargetName } from './targets.ts';

export type Row = readonly [frame: string, on: readonly TargetName[], differs: string, why: string];

export const ALL: readonly TargetName[] = ['device', 'strict device', 'appliance', 'strict appliance'];
const DEVICES: readonly TargetName[] = ['device', 'strict device'];
const APPLIANCES: readonly TargetName[] = ['appliance', 'strict appliance'];
/** Both without the setting `strictVendor`. */
const PLAIN: readonly TargetName[] = ['device', 'appliance'];
const APPLIANCE: readonly TargetName[] = ['appliance'];
const STRICT_APPLIANCE: readonly TargetName[] = ['strict appliance'];
const NOT_STRICT_APPLIANCE: readonly TargetName[] = ['device', 'strict device', 'appliance'];

const WHY = {
  sha224: 'SHA-224 has a number and every client offers it; the recorded device forgot it, ours computes it.',
  digestsOwned: 'A running digest belongs to the connection that began it; nobody else can feed or end it.',
  digestRoom: 'A connection has room for more than 32 running digests; they end with it, so none are lost for ever.',
  noTamperCircuit: 'The recording had a tamper circuit that reported an event; a device in software has none.',
  logoutAll: 'LOGOUT_ALL ends the logins of others only for wheel and so; for anybody else it is LOGOUT.',
  loginRoom: 'The appliance serves a thousand logins at once; ten would be the end of a handful of daemons.',
  signatureLength: 'A signature of a wrong length is a wrong signature, INVALID_SIGNATURE, whatever the kind of key.',
  leftmostBits: 'ECDSA takes the leftmost bits of a digest that is longer than the order (FIPS 186-5, 6.4.1).',
  zeroUuid:
    'The zero UUID names no key, so it is KEY_NOT_FOUND; that a block for PINs lies there is no client’s business.',
  handlesOwned: 'A key handle belongs to the connection that got it; no other can use it, nor guess it.',
  missingIsNil:
    'A length query answers NIL for a missing attribute: only then do the vendor’s clients report it as missing.',
  emptyList:
    'No attributes asked, none answered: the vendor’s Python module asks so if a key has none of what it wants.',
  largeBuffer: 'Values of up to 64 KiB can be stored, so a buffer for them can be offered to the appliance.',
  attributeRoom:
    'Key and attributes do not share a flash block of 8 KiB: at least 8000 octets of attributes fit any key.',
  attributeWasSet: 'The attribute that did not fit the recorded device is there, and too long for the buffer.',
  largePages: 'Applications ask for 1000 objects at once: a page is as long as there are keys, up to 1 MiB.',
  publicSession:
    'Keys are made after a login only: without, anybody could keep the devices busy (device option --public-session-keys).',
  deletedEverywhere: 'A deleted key is gone for all its handles, its type too.',
  handlesEnd:
    'The logout ends the handles of the connection, except those of PUBLIC keys; a key is of no use without login.',
  noService:
    'The appliance answers MASTERKEY_NOT_SET to nearly everything as long as there is no master key; so does the vendor’s.',
  drop: 'strictVendor: an appliance that cannot serve answers the first request of a connection and drops it.',
  strictHandle:
    'strictVendor: the vendor’s appliance says BAD_ARGUMENTS for a handle that it does not know, a device KEY_NOT_FOUND.',
};

export const expectedDifferences: readonly Row[] = [
  ['hash/digest_len.sha224', ALL, 'OK instead of BAD_ARGUMENTS', WHY.sha224],
  ['hash/digest_algorithm_id.sha224', ALL, 'OK instead of BAD_ARGUMENTS', WHY.sha224],
  ['hash/init.bad.sha224', ALL, 'OK instead of BAD_ARGUMENTS', WHY.sha224],
  ['hash/update.from-other-connection', ALL, 'BAD_ARGUMENTS instead of OK', WHY.digestsOwned],
  ['hash/finalize.shared', ALL, 'another digest', WHY.digestsOwned],
  ['hash/init.exhausted', ALL, 'OK instead of ALLOCATION_FAILURE', WHY.digestRoom],
  ['tamper/check.during', ALL, 'OK instead of TAMPER', WHY.noTamperCircuit],
  ['basics/is_logged_in.c2.after-logout_all', ALL, 'OK instead of FORBIDDEN', WHY.logoutAll],
  ['pkey/verify.p256.short', ALL, 'INVALID_SIGNATURE instead of BAD_ARGUMENTS', WHY.signatureLength],
  ['pkey/verify.p256.truncated-to-32', PLAIN, 'OK instead of INVALID_SIGNATURE', WHY.leftmostBits],
  ['pkey/open.uuid-zero', ALL, 'KEY_NOT_FOUND instead of KEYSTORE_WRONG_BLOCK_TYPE', WHY.zeroUuid],
  ['pkey/c2.use-handle-of-c1', DEVICES, 'KEY_NOT_FOUND instead of OK', WHY.handlesOwned],
  ['pkey/c2.sign-with-handle-of-c1', DEVICES, 'KEY_NOT_FOUND instead of OK', WHY.handlesOwned],
  [
    'pkey/attr.get.one-missing.lengths',
    PLAIN,
    'attributes [{"type":258,"length":4},{"type":2457,"length":4294967295}] instead of [{"type":258,"length":4},{"type":2457,"length":0}]',
    WHY.missingIsNil,
  ],
  [
    'pkey/attr.get.all-missing.lengths',
    PLAIN,
    'attributes [{"type":2457,"length":4294967295}] instead of [{"type":2457,"length":0}]',
    WHY.missingIsNil,
  ],
  ['pkey/attr.get.none', PLAIN, 'OK instead of BAD_ARGUMENTS', WHY.emptyList],
  ['pkey/attr.set.too-big', ALL, 'OK instead of RESULT_TOO_LONG', WHY.attributeRoom],
  ['pkey/attr.get.after-too-big', ALL, 'RESULT_TOO_LONG instead of ATTRIBUTE_NOT_FOUND', WHY.attributeWasSet],
  ['pkey/match.max-absurd', PLAIN, 'OK instead of RPC_PACKET_OVERFLOW', WHY.largePages],
  ['pkey/two-handles.type-via-b', ALL, 'KEY_NOT_FOUND instead of OK', WHY.deletedEverywhere],
  ['pkey/after-logout.type', NOT_STRICT_APPLIANCE, 'KEY_NOT_FOUND instead of OK', WHY.handlesEnd],
  ['pkey/after-logout.sign', NOT_STRICT_APPLIANCE, 'KEY_NOT_FOUND instead of OK', WHY.handlesEnd],
  ['pkey/after-logout.set_attributes', NOT_STRICT_APPLIANCE, 'KEY_NOT_FOUND instead of FORBIDDEN', WHY.handlesEnd],
  ['pkey/after-logout.delete', NOT_STRICT_APPLIANCE, 'KEY_NOT_FOUND instead of FORBIDDEN', WHY.handlesEnd],
  ['basics/login.slot-11', APPLIANCES, 'OK instead of NO_CLIENT_SLOTS_AVAILABLE', WHY.loginRoom],
  ['pkey/attr.get.buffer-absurd', APPLIANCES, 'OK instead of RPC_PACKET_OVERFLOW', WHY.largeBuffer],
  ['pkey/c3.load.public-session.not-logged-in', APPLIANCES, 'FORBIDDEN instead of OK', WHY.publicSession],
  ['pkey/c3.generate_ec.public-session.not-logged-in', APPLIANCES, 'FORBIDDEN instead of OK', WHY.publicSession],
  ['no-masterkey/login.wheel', APPLIANCES, 'MASTERKEY_NOT_SET instead of OK', WHY.noService],
  ['no-masterkey/set_pin.user', APPLIANCE, 'MASTERKEY_NOT_SET instead of OK', WHY.noService],
  ['no-masterkey/match', APPLIANCE, 'MASTERKEY_NOT_SET instead of OK', WHY.noService],
  ['no-masterkey/get_random', APPLIANCE, 'MASTERKEY_NOT_SET instead of OK', WHY.noService],
  ['pkey/bad-handle.pkey_get_key_type', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of KEY_NOT_FOUND', WHY.strictHandle],
  ['pkey/bad-handle.pkey_get_key_curve', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of KEY_NOT_FOUND', WHY.strictHandle],
  ['pkey/bad-handle.pkey_get_key_flags', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of KEY_NOT_FOUND', WHY.strictHandle],
  ['pkey/bad-handle.pkey_close', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of KEY_NOT_FOUND', WHY.strictHandle],
  ['pkey/bad-handle.pkey_delete', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of KEY_NOT_FOUND', WHY.strictHandle],
  ['pkey/bad-handle.get_public_key_len', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of OK', WHY.strictHandle],
  ['pkey/bad-handle.get_public_key', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of KEY_NOT_FOUND', WHY.strictHandle],
  ['pkey/bad-handle.sign', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of KEY_NOT_FOUND', WHY.strictHandle],
  ['pkey/bad-handle.verify', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of KEY_NOT_FOUND', WHY.strictHandle],
  ['pkey/bad-handle.set_attributes', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of KEY_NOT_FOUND', WHY.strictHandle],
  ['pkey/bad-handle.get_attributes', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of KEY_NOT_FOUND', WHY.strictHandle],
  ['pkey/bad-handle.0', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of KEY_NOT_FOUND', WHY.strictHandle],
  ['pkey/close.again', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of KEY_NOT_FOUND', WHY.strictHandle],
  ['pkey/use-after-close', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of KEY_NOT_FOUND', WHY.strictHandle],
  ['pkey/delete.again', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of KEY_NOT_FOUND', WHY.strictHandle],
  ['pkey/close-after-delete', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of KEY_NOT_FOUND', WHY.strictHandle],
  ['pkey/after-logout.type', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of OK', WHY.handlesEnd],
  ['pkey/after-logout.sign', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of OK', WHY.handlesEnd],
  ['pkey/after-logout.set_attributes', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of FORBIDDEN', WHY.handlesEnd],
  ['pkey/after-logout.delete', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of FORBIDDEN', WHY.handlesEnd],
  ['pkey/after-logout.volatile', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of KEY_NOT_FOUND', WHY.handlesEnd],
  ['backup/export.bad-handle', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of KEY_NOT_FOUND', WHY.strictHandle],
  ['backup/export.bad-kekek', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of KEY_NOT_FOUND', WHY.strictHandle],
  ['backup/import.bad-kekek', STRICT_APPLIANCE, 'BAD_ARGUMENTS instead of KEY_NOT_FOUND', WHY.strictHandle],
  ['no-masterkey/set_pin.user', STRICT_APPLIANCE, 'no reply instead of OK', WHY.drop],
  ['no-masterkey/generate_ec', STRICT_APPLIANCE, 'no reply instead of MASTERKEY_NOT_SET', WHY.drop],
  ['no-masterkey/generate_ec.volatile', STRICT_APPLIANCE, 'no reply instead of MASTERKEY_NOT_SET', WHY.drop],
  ['no-masterkey/generate_rsa', STRICT_APPLIANCE, 'no reply instead of MASTERKEY_NOT_SET', WHY.drop],
  ['no-masterkey/load', STRICT_APPLIANCE, 'no reply instead of MASTERKEY_NOT_SET', WHY.drop],
  ['no-masterkey/match', STRICT_APPLIANCE, 'no reply instead of OK', WHY.drop],
  ['no-masterkey/get_random', STRICT_APPLIANCE, 'no reply instead of OK', WHY.drop],
];
