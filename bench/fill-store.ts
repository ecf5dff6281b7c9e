/**
 * Fills the key stores of an appliance that is not running with many key pairs, all like one that a program has made, and a
 * certificate for every tenth.
 */

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { CKA, CKO } from '#src/cryptoki/constants.ts';
import { FALSE, TRUE, ulongValue } from '#src/cryptoki/values.ts';
import { SqliteKeyStore } from '#src/store/sqlite-key-store.ts';
import { bindRow, checkValueOf } from '#src/store/key-wrapping.ts';
import { type Attribute, type StoredKey } from '#src/store/stored-key.ts';
import { Curve, KeyFlags, KeyType } from '#src/wire/enumerations.ts';
import { Bug } from '#src/wire/status.ts';

/** Pairs in one transaction. */
const BATCH = 1000;

/** An EC point of P-256 as SubjectPublicKeyInfo ends with it (RFC 5480, 2.2). */
const POINT_SIZE = 65;

export interface Filling {
  /** State folder of the appliance. */
  readonly state: string;
  readonly devices: number;
  /** Hexadecimal. */
  readonly masterKey: string;
  /** Pairs that the appliance has already: the numbers go on from there. */
  readonly from: number;
  readonly pairs: number;
}

/** Objects that there are with so many pairs. */
export function objectsOf(pairs: number): number {
  return 2 * pairs + Math.ceil(pairs / 10);
}

/** The appliance has at least one P-256 pair, on any device; the new ones get its attributes, with a CKA_ID and CKA_LABEL of their own. */
export function fillStores({ state, devices, masterKey, from, pairs }: Filling): void {
  const key = Buffer.from(masterKey, 'hex');
  const stores = Array.from(
    { length: devices },
    (_, index) => new SqliteKeyStore({ path: join(state, `device-${index}`, 'keystore.db'), maxKeys: 10_000_000 }),
  );
  try {
    const known = stores.flatMap((store) => store.list(new Uint8Array(16), 1000));
    const privateKey = known.find(({ type }) => type === KeyType.EC_PRIVATE);
    const publicKey = known.find(({ type }) => type === KeyType.EC_PUBLIC);
    if (!privateKey || !publicKey) throw new Bug('no pair to copy');
    for (let at = from; at < from + pairs; at += BATCH) {
      const batches: StoredKey[][] = stores.map(() => []);
      for (let number = at; number < Math.min(at + BATCH, from + pairs); number++) {
        batches[number % devices]?.push(...pairLike(privateKey, publicKey, key, number));
      }
      for (let number = at - (at % 10); number < Math.min(at + BATCH, from + pairs); number += 10) {
        if (number >= at || at === from) batches[number % devices]?.push(certificateOf(publicKey, number));
      }
      for (const [index, batch] of batches.entries()) stores[index]?.insert(batch);
    }
  } finally {
    for (const store of stores) store.close();
  }
}

/** As small as a certificate can be and still be told from the others: the appliance does not look into it. */
function certificateOf(like: StoredKey, number: number): StoredKey {
  const text: [number, string][] = [
    [CKA.ID, `bench-id-${String(number).padStart(9, '0')}`],
    [CKA.LABEL, `bench-key-${number}`],
    [CKA.SUBJECT, `bench-subject-${number}`],
    [CKA.ISSUER, 'bench-issuer'],
    [CKA.SERIAL_NUMBER, `bench-serial-${number}`],
    [CKA.VALUE, `bench-certificate-${number}`],
  ];
  const attributes: Attribute[] = [
    { type: CKA.CLASS, value: ulongValue(CKO.CERTIFICATE) },
    { type: CKA.CERTIFICATE_TYPE, value: ulongValue(0) },
    { type: CKA.TOKEN, value: TRUE },
    { type: CKA.PRIVATE, value: FALSE },
    ...text.map(([type, value]) => ({ type, value: Buffer.from(value) })),
  ];
  const flags = KeyFlags.TOKEN | KeyFlags.PUBLIC;
  const kind = { type: KeyType.CERTIFICATE, curve: Curve.NONE, bits: 0, flags, spki: new Uint8Array(0), attributes };
  return { ...like, ...kind, uuid: uuid(), name: uuid() };
}

function pairLike(privateKey: StoredKey, publicKey: StoredKey, masterKey: Uint8Array, number: number): StoredKey[] {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = pair.publicKey.export({ type: 'spki', format: 'der' });
  const pkcs8 = pair.privateKey.export({ type: 'pkcs8', format: 'der' });
  const checkValue = checkValueOf(masterKey);
  const point = Buffer.concat([Buffer.of(4, POINT_SIZE), spki.subarray(-POINT_SIZE)]);
  const own = new Map<number, Uint8Array>([
    [CKA.ID, Buffer.from(`bench-id-${String(number).padStart(9, '0')}`)],
    [CKA.LABEL, Buffer.from(`bench-key-${number}`)],
    [CKA.EC_POINT, point],
  ]);
  return [privateKey, publicKey].map((like) => {
    const attributes: Attribute[] = like.attributes.map(({ type, value }) => ({ type, value: own.get(type) ?? value }));
    const row = { ...like, uuid: uuid(), name: uuid(), spki, checkValue, attributes };
    return { ...row, ...bindRow(masterKey, row, attributes, like.wrapped && pkcs8) };
  });
}

function uuid(): Uint8Array {
  return Buffer.from(randomUUID().replaceAll('-', ''), 'hex');
}
