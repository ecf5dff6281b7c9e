/** PKEY_MATCH: search with paging (libhal `hal_rpc_pkey_match`, `hal_ks_match`). */

import { ALL_KEY_FLAGS, KeyFlags, MatchState } from '#src/wire/enumerations.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { HalError } from '#src/wire/status.ts';
import { type StoredKey } from '#src/store/stored-key.ts';
import { type Device } from '../device.ts';
import { isVendorType, vendorFlags } from '../device-key.ts';
import { type Handlers } from '../handler.ts';

type MatchArgs = ArgsOf<'PKEY_MATCH'>;

/** More would not fit a message of 1 MiB. libhal stops at 818, its packet of 16384 bytes; applications ask for more. */
const MAX_RESULTS = 52_000;
const VENDOR_MAX_RESULTS = 818;

/** Whether a key is exportable follows from its attributes too. */
const FILTERED_FLAGS = ALL_KEY_FLAGS & ~KeyFlags.EXPORTABLE;

const ZERO_UUID = new Uint8Array(16);

export const match: Handlers<'PKEY_MATCH'> = {
  PKEY_MATCH(device, connection, args) {
    if (args.resultMax === 0 || args.state > MatchState.DONE) throw new HalError('BAD_ARGUMENTS');
    if (device.strictVendor && args.resultMax > VENDOR_MAX_RESULTS) throw new HalError('RPC_PACKET_OVERFLOW');
    const loggedIn = device.logins.isUserOrWheel(connection);
    // libhal asks for no login if only PUBLIC keys are searched, but looks at the flags and not at the mask.
    if (!loggedIn && (args.flags & KeyFlags.PUBLIC) === 0) return { state: args.state, uuids: [] };
    return search(device, connection, loggedIn ? args : { ...args, mask: args.mask | KeyFlags.PUBLIC });
  },
};

function search(device: Device, connection: number, args: MatchArgs): ResultsOf<'PKEY_MATCH'> {
  const { mask, flags, resultMax } = args;
  const uuids: Uint8Array[] = [];
  /** Takes matching keys until the page is full. */
  const take = (keys: Iterable<StoredKey>): boolean => {
    for (const key of keys) {
      if (!fits(key, args)) continue;
      if (uuids.length === MAX_RESULTS) throw new HalError('RPC_PACKET_OVERFLOW');
      uuids.push(key.uuid);
      if (uuids.length === resultMax) return true;
    }
    return false;
  };
  const { state } = args;
  if (state <= MatchState.TOKEN) {
    const previous = state === MatchState.START ? ZERO_UUID : args.previous;
    const onlySession = (mask & KeyFlags.TOKEN) !== 0 && (flags & KeyFlags.TOKEN) === 0;
    const { type, curve } = args;
    // Bits that no key has may be searched for, in vain; SQLite numbers are 64 bits.
    const filter = { type, curve, mask: mask & FILTERED_FLAGS, flags: flags & FILTERED_FLAGS };
    if (!onlySession && take(device.store.match(filter, previous))) return { state: MatchState.TOKEN, uuids };
  }
  if (state <= MatchState.VOLATILE) {
    const previous = state === MatchState.VOLATILE ? args.previous : ZERO_UUID;
    const onlyToken = (mask & flags & KeyFlags.TOKEN) !== 0;
    const keys = device.keys.sessionKeys(connection).filter(({ uuid }) => Buffer.compare(uuid, previous) > 0);
    if (!onlyToken && take(keys)) return { state: MatchState.VOLATILE, uuids };
  }
  return { state: MatchState.DONE, uuids };
}

function fits(key: StoredKey, { type, curve, mask, flags, attributes }: MatchArgs): boolean {
  if (!isVendorType(key)) return false;
  if (type !== 0 && key.type !== type) return false;
  if (curve !== 0 && key.curve !== curve) return false;
  if (((vendorFlags(key) ^ flags) & mask) !== 0) return false;
  return attributes.every((wanted) =>
    key.attributes.some(({ type: has, value }) => has === wanted.type && Buffer.compare(value, wanted.value) === 0),
  );
}
