/**
 * Reads the attributes of a key from a board, which cannot list them: it is asked for those that PKCS#11 programs use.
 * A board tells length 0 for an attribute that is missing and for an empty one; others tell FFFFFFFF, or nothing at all.
 */

import { CKA } from '#src/cryptoki/constants.ts';
import { HalError, HalStatus } from '#src/wire/status.ts';
import { type RoleClient } from './role-client.ts';

export interface Attribute {
  readonly type: number;
  readonly value: Uint8Array;
}

/** libhal `HAL_PKEY_ATTRIBUTE_NIL`. */
const NIL = 0xffff_ffff;
/** Bytes of values that are asked for at once: the reply has to fit a message of 16384 bytes. */
const MAX_VALUES = 12_000;

/** Attributes that a program may have stored empty; the vendor's library always does so with those that are not given. */
const OFTEN_EMPTY = new Set<number>([CKA.LABEL, CKA.SUBJECT, CKA.ID, CKA.START_DATE, CKA.END_DATE]);

/** Nothing secret is among them: they are values of private keys, which a board does not store as attributes anyway. */
const SECRET = new Set<number>([
  CKA.VALUE,
  CKA.PRIVATE_EXPONENT,
  CKA.PRIME_1,
  CKA.PRIME_2,
  CKA.EXPONENT_1,
  CKA.EXPONENT_2,
  CKA.COEFFICIENT,
]);
const TYPES: readonly number[] = Object.values(CKA).filter((type) => !SECRET.has(type));

/** @param others types to be asked for besides the usual ones */
export async function readAttributes(
  role: RoleClient,
  pkey: number,
  others: Iterable<number> = [],
): Promise<Attribute[]> {
  const lengths = await lengthsOf(role, pkey, [...new Set([...TYPES, ...others])]);
  const found: Attribute[] = [];
  for (const group of groupsOf(lengths.filter(({ length }) => length > 0)))
    found.push(...(await valuesOf(role, pkey, group)));
  const empty = lengths.filter(
    ({ type, length }) => length === 0 && (OFTEN_EMPTY.has(type) || [...others].includes(type)),
  );
  if (lengths.length > 0) found.push(...(await emptyOnes(role, pkey, empty)));
  return found;
}

interface Length {
  readonly type: number;
  readonly length: number;
}

async function lengthsOf(role: RoleClient, pkey: number, types: number[]): Promise<Length[]> {
  try {
    return (await role.attributeLengths(pkey, types)).filter(({ length }) => length !== NIL);
  } catch (error) {
    // A key without any attribute.
    if (isMissing(error)) return [];
    throw error;
  }
}

async function valuesOf(role: RoleClient, pkey: number, group: readonly Length[]): Promise<Attribute[]> {
  // Empty values need room for one byte.
  const bufferLen = Math.max(
    1,
    group.reduce((sum, { length }) => sum + length, 0),
  );
  const types = group.map(({ type }) => type);
  return (await role.call('PKEY_GET_ATTRIBUTES', { pkey, types, bufferLen })).attributes;
}

/** Those of length 0 that exist: usually all of them or none. */
async function emptyOnes(role: RoleClient, pkey: number, candidates: readonly Length[]): Promise<Attribute[]> {
  if (candidates.length === 0) return [];
  try {
    return await valuesOf(role, pkey, candidates);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  if (candidates.length === 1) return [];
  const found: Attribute[] = [];
  for (const candidate of candidates) found.push(...(await emptyOnes(role, pkey, [candidate])));
  return found;
}

function groupsOf(lengths: readonly Length[]): Length[][] {
  const groups: Length[][] = [];
  let size = Infinity;
  for (const attribute of lengths) {
    size += attribute.length + 12;
    if (size > MAX_VALUES) {
      groups.push([]);
      size = attribute.length + 12;
    }
    groups.at(-1)?.push(attribute);
  }
  return groups;
}

function isMissing(error: unknown): boolean {
  return error instanceof HalError && error.status === HalStatus.ATTRIBUTE_NOT_FOUND;
}
