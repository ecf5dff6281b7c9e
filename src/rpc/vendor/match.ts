/**
 * PKEY_MATCH (function 25) over one sorted list of all devices' keys: token keys, then session keys.
 * A page with fewer keys than asked for means the end to vendor clients, so pages are always full before it.
 */

import { type KeyEntry, type KeyTable } from '#src/fleet/key-table.ts';
import { KeyFlags, MatchState, User } from '#src/wire/enumerations.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { HalError } from '#src/wire/status.ts';
import { vendorFlags } from '#src/wire/vendor-flags.ts';
import { type VendorHandlers } from './handler.ts';
import { matchOnDevice, uuidDevice } from './one-device.ts';
import { type VendorSession } from './session.ts';

/** A UUID on the wire has 20 bytes; a longer reply than about 1 MiB is refused, never shortened. */
const MAX_RESULTS = 52_000;
/** What fits the vendor's message of 16384 bytes. */
const VENDOR_MAX_RESULTS = 818;
/** CKA_LABEL and CKA_ID, which the key table indexes. */
const INDEXED = new Set([0x003, 0x102]);

export const match: VendorHandlers<'PKEY_MATCH'> = {
  PKEY_MATCH(session, args) {
    if (args.state > MatchState.DONE) throw new HalError('BAD_ARGUMENTS', `state ${args.state}`);
    if (args.resultMax === 0) throw new HalError('BAD_ARGUMENTS', 'no room for results');
    if (session.settings.strictVendor && args.resultMax > VENDOR_MAX_RESULTS) {
      throw new HalError('RPC_PACKET_OVERFLOW', `${args.resultMax} results`);
    }
    if (!session.usesKeys && (args.flags & KeyFlags.PUBLIC) === 0) return { state: args.state, uuids: [] };
    const index = uuidDevice(session);
    if (index !== undefined) return matchOnDevice(session, index, args);
    return page(session, args);
  },
};

function page(session: VendorSession, args: ArgsOf<'PKEY_MATCH'>): ResultsOf<'PKEY_MATCH'> {
  const uuids: Uint8Array[] = [];
  const isWanted = filter(session, args);
  let state = args.state;
  let after = state === MatchState.START ? '' : args.previous.toHex();
  if (state === MatchState.START) state = MatchState.TOKEN;
  for (; state !== MatchState.DONE; state++, after = '') {
    for (const entry of candidates(session, args, state, after)) {
      if (!isWanted(entry)) continue;
      if (uuids.length === args.resultMax) return { state, uuids };
      if (uuids.length === MAX_RESULTS) throw new HalError('RPC_PACKET_OVERFLOW');
      uuids.push(entry.name);
    }
    if (uuids.length === args.resultMax) return { state, uuids };
  }
  return { state, uuids };
}

/** The keys of one state behind `after`, in ascending order. */
function candidates(
  { fleet, connection }: VendorSession,
  args: ArgsOf<'PKEY_MATCH'>,
  state: number,
  after: string,
): Iterable<KeyEntry> {
  const onlyToken = (args.mask & args.flags & KeyFlags.TOKEN) !== 0;
  const onlySession = (args.mask & ~args.flags & KeyFlags.TOKEN) !== 0;
  const isTokenState = state === MatchState.TOKEN;
  if (isTokenState ? onlySession : onlyToken) return [];
  const indexed = args.attributes.find(({ type }) => INDEXED.has(type));
  if (indexed) return ordered(fleet.keys.byAttribute(indexed.type, indexed.value), isTokenState, after);
  if (!isTokenState && connection.user !== User.WHEEL) return ordered(fleet.keys.ownedBy(connection), false, after);
  return scan(fleet.keys, isTokenState, after);
}

function ordered(entries: Iterable<KeyEntry>, isTokenState: boolean, after: string): KeyEntry[] {
  return [...entries]
    .filter((entry) => isToken(entry) === isTokenState && entry.id > after)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function* scan(keys: KeyTable, isTokenState: boolean, after: string): Iterable<KeyEntry> {
  for (const entry of keys.after(after)) if (isToken(entry) === isTokenState) yield entry;
}

function filter(session: VendorSession, args: ArgsOf<'PKEY_MATCH'>): (entry: KeyEntry) => boolean {
  const { type, curve, mask, flags, attributes } = args;
  const mustBePublic = !session.usesKeys;
  const { device } = session.mode;
  return (entry) =>
    session.sees(entry) &&
    (device === undefined || entry.copies.has(device)) &&
    (type === 0 || entry.type === type) &&
    (curve === 0 || entry.curve === curve) &&
    ((vendorFlags(entry.flags, (each) => entry.attributes.get(each)) ^ flags) & mask) === 0 &&
    (!mustBePublic || (entry.flags & KeyFlags.PUBLIC) !== 0) &&
    attributes.every((wanted) => {
      const value = entry.attributes.get(wanted.type);
      return value !== undefined && Buffer.compare(value, wanted.value) === 0;
    });
}

function isToken({ flags }: KeyEntry): boolean {
  return (flags & KeyFlags.TOKEN) !== 0;
}
