/** The part of the fake fleet that makes objects other than pairs, and uses them. Nothing is encrypted: what went in is marked and comes out. */

import { type FleetConnection } from '#src/fleet/connection.ts';
import { type KeyEntry } from '#src/fleet/key-table.ts';
import { type TokenFleet } from '#src/token/token-fleet.ts';
import { CKA } from '#src/cryptoki/constants.ts';
import { idOf } from '#src/token/uuid.ts';
import { KeyFlags, type KeyType } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { type FakeFleet } from './fake-fleet.ts';

interface Request {
  readonly name: Uint8Array;
  readonly session: number;
  readonly flags: number;
  readonly attributes: { type: number; value: Uint8Array }[];
}

const NONE = new Uint8Array(0);

export function fakeObjects(fleet: FakeFleet): TokenFleet['objects'] {
  const enter = async (
    name: string,
    connection: FleetConnection,
    request: Request & { readonly type: number; readonly bits: number },
    value: Uint8Array = NONE,
  ): Promise<KeyEntry> => {
    fleet.begin(name, connection, request.flags);
    const existing = fleet.keys.get(idOf(request.name));
    if (existing) {
      if (existing.type !== request.type) throw new HalError('KEY_NAME_IN_USE');
      return existing;
    }
    await Promise.resolve();
    const isSession = (request.flags & KeyFlags.TOKEN) === 0;
    fleet.values.set(idOf(request.name), value.slice());
    return fleet.put(request.type as KeyType, NONE, {
      name: request.name.slice(),
      bits: request.bits,
      flags: request.flags,
      attributes: new Map(request.attributes.map(({ type, value: own }) => [type, own.slice()])),
      owner: isSession ? connection : undefined,
      session: isSession ? request.session : 0,
    });
  };
  return {
    generate: (connection, request) => enter('generate', connection, request),
    load: (connection, request) => enter('load', connection, request, request.value),
    copy: (connection, entry, request) =>
      enter('copy', connection, { ...request, type: entry.type, bits: entry.bits }, fleet.values.get(entry.id)),
    unwrap: (connection, _key, request) => enter('unwrap', connection, request, request.wrapped),
    derive: (connection, _base, other, { parameter, ...request }) =>
      enter('derive', connection, request, parameter(other?.name)),
    decapsulate: (connection, _key, request) => enter('decapsulate', connection, request, request.ciphertext),
    encapsulate: async (connection, _key, request) => ({
      ciphertext: Uint8Array.of(0xc1),
      key: await enter('encapsulate', connection, request),
    }),
  };
}

export function fakeUses(fleet: FakeFleet): TokenFleet['uses'] {
  const use = async (name: string, ...parts: Uint8Array[]): Promise<Uint8Array> => {
    fleet.begin(name, undefined, 0);
    await Promise.resolve();
    return Buffer.concat([Buffer.from(`${name}:`), ...parts]);
  };
  return {
    encrypt: (_connection, _entry, { parameter, data }) => use('encrypt', parameter, data),
    decrypt: (_connection, _entry, { parameter, data }) => use('decrypt', parameter, data),
    wrap: (_connection, _key, { name }, _mechanism, parameter) => use('wrap', parameter, name),
    async value(_connection, { id }) {
      await use('value');
      return [{ type: CKA.VALUE, value: fleet.values.get(id) ?? NONE }];
    },
    async authenticate(_connection, _entry, pin) {
      await use('authenticate', pin);
    },
    countedAttributes: (_connection, { attributes }) => Promise.resolve(new Map(attributes)),
  };
}
