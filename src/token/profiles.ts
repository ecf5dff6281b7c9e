/**
 * Profile objects (PKCS#11 3.1 section 4.13): which profiles of the OASIS PKCS #11 Profiles 3.1 the token conforms to. They are the
 * same for everybody, need no login, and nobody can change them.
 */

import { CKA, CKO, CKR } from '#src/cryptoki/constants.ts';
import { CKP_PROFILE } from '#src/cryptoki/parameter-numbers.ts';
import { type Attribute, equalBytes, FALSE, TRUE, ulongOf, ulongValue } from '#src/cryptoki/values.ts';
import { CkrError } from '#src/wire/status.ts';
import { idOf, uuidText } from './uuid.ts';

interface Profile {
  readonly object: Uint8Array;
  readonly attributes: Attribute[];
}

const ULONGS = new Set<number>([CKA.CLASS, CKA.PROFILE_ID]);

function profile(label: string, id: number): [string, Profile] {
  // UUIDs of version 4 that no random one can be expected to be, below nearly all others.
  const object = Uint8Array.from([0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, id]);
  const text = uuidText(idOf(object));
  const attributes = [
    { type: CKA.CLASS, value: ulongValue(CKO.PROFILE) },
    { type: CKA.TOKEN, value: TRUE },
    { type: CKA.PRIVATE, value: FALSE },
    { type: CKA.MODIFIABLE, value: FALSE },
    { type: CKA.COPYABLE, value: FALSE },
    { type: CKA.DESTROYABLE, value: FALSE },
    { type: CKA.LABEL, value: new TextEncoder().encode(label) },
    { type: CKA.UNIQUE_ID, value: new TextEncoder().encode(text) },
    { type: CKA.PROFILE_ID, value: ulongValue(id) },
  ];
  return [idOf(object), { object, attributes }];
}

const PROFILES = new Map<string, Profile>([
  profile('Baseline Provider', CKP_PROFILE.BASELINE_PROVIDER),
  profile('Extended Provider', CKP_PROFILE.EXTENDED_PROVIDER),
  profile('Authentication Token', CKP_PROFILE.AUTHENTICATION_TOKEN),
]);

/** A program that asks for everything may not know profiles: as with hardware features (section 4.3.1) it has to name them. */
const NAMES = new Set<number>([CKA.CLASS, CKA.PROFILE_ID, CKA.UNIQUE_ID]);

/** The profile objects behind `after` that match a template, in ascending order. */
export function findProfiles(template: readonly Attribute[], after: string): Profile[] {
  if (!template.some(({ type }) => NAMES.has(type))) return [];
  return [...PROFILES].filter(([id, found]) => id > after && matches(found, template)).map(([, found]) => found);
}

/** The attributes of a profile object, `undefined` for other objects. */
export function profileAttributes(object: Uint8Array): Attribute[] | undefined {
  return PROFILES.get(idOf(object))?.attributes;
}

/** @throws CkrError CKR_ACTION_PROHIBITED for profile objects */
export function refuseProfile(object: Uint8Array): void {
  if (PROFILES.has(idOf(object))) throw new CkrError(CKR.ACTION_PROHIBITED, 'a profile object');
}

function matches({ attributes }: Profile, template: readonly Attribute[]): boolean {
  return template.every(({ type, value }) => {
    const own = attributes.find((attribute) => attribute.type === type);
    if (!own) return false;
    return ULONGS.has(type) ? ulongOf(own.value) === ulongOf(value) : equalBytes(own.value, value);
  });
}
