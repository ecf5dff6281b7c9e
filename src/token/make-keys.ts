/** Keys that are not imported: SECRET_KEY_GENERATE, UNWRAP, DERIVE, ENCAPSULATE and DECAPSULATE. What is repeated finds what it made before. */

import { type FleetConnection } from '#src/fleet/connection.ts';
import { type KeyEntry } from '#src/fleet/key-table.ts';
import { CKA, CKF_MECHANISM, CKR } from '#src/cryptoki/constants.ts';
import {
  deriveRequest,
  type NewObject,
  secretKeyRequest,
  sharedSecretRequest,
  unwrapRequest,
} from '#src/cryptoki/new-objects.ts';
import { CKF_HKDF_SALT } from '#src/cryptoki/parameter-numbers.ts';
import { readParameter, writeParameter } from '#src/cryptoki/parameters.ts';
import { type Attribute, EMPTY } from '#src/cryptoki/values.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { CkrError } from '#src/wire/status.ts';
import { type Application } from './application.ts';
import { checkMechanism, parameterOf, refuseKey, requireMechanism } from './mechanism-checks.ts';
import { attributeList, factsOf, makerOf, sessionObjectCount } from './new-objects.ts';
import { requireEntry, requireKey, requireLoginFor } from './objects.ts';
import { type TokenFleet } from './token-fleet.ts';
import { nameOfRequest } from './uuid.ts';

type Created = ResultsOf<'DERIVE'>;

/** What a device is told of a new object. */
interface NewObjectArgs {
  readonly session: number;
  readonly name: Uint8Array;
  readonly type: number;
  readonly bits: number;
  readonly flags: number;
  readonly attributes: Attribute[];
}

export function generateSecretKey(
  fleet: TokenFleet,
  application: Application,
  args: ArgsOf<'SECRET_KEY_GENERATE'>,
): Promise<Created> {
  const { mechanism } = args;
  const row = requireMechanism(mechanism, CKF_MECHANISM.GENERATE);
  const parameter = parameterOf(row, args.parameter).slice();
  const request = secretKeyRequest(mechanism, parameter, args.template);
  return make(fleet, application, args, undefined, request, (connection, object) =>
    fleet.objects.generate(connection, { ...object, mechanism, parameter }),
  );
}

export function unwrapKey(fleet: TokenFleet, application: Application, args: ArgsOf<'UNWRAP'>): Promise<Created> {
  const { mechanism } = args;
  const [key, row] = asUnwrappingKey(() => {
    const entry = requireKey(fleet, application, args.unwrappingKey, CKA.UNWRAP);
    return [entry, checkMechanism(entry, mechanism, CKF_MECHANISM.UNWRAP)] as const;
  });
  const request = unwrapRequest(mechanism, args.template, key.attributes.get(CKA.UNWRAP_TEMPLATE));
  const parameter = parameterOf(row, args.parameter).slice();
  const wrapped = args.wrapped.slice();
  return make(fleet, application, args, key, request, (connection, object) =>
    fleet.objects.unwrap(connection, key, { ...object, mechanism, parameter, wrapped }),
  );
}

export function deriveKey(fleet: TokenFleet, application: Application, args: ArgsOf<'DERIVE'>): Promise<Created> {
  const { mechanism } = args;
  const base = requireKey(fleet, application, args.baseKey, CKA.DERIVE);
  const row = checkMechanism(base, mechanism, CKF_MECHANISM.DERIVE);
  const request = deriveRequest(mechanism, args.template, base.attributes.get(CKA.DERIVE_TEMPLATE));
  const given = parameterOf(row, args.parameter).slice();
  const salt = row.parameter === 'hkdf' ? saltKey(fleet, application, given) : undefined;
  // A device knows the salt by another name than the programs.
  const parameter = (saltOnDevice: Uint8Array | undefined): Uint8Array =>
    saltOnDevice ? writeParameter('hkdf', { ...readParameter('hkdf', given), saltKey: saltOnDevice }) : given;
  return make(fleet, application, args, base, request, (connection, object) =>
    fleet.objects.derive(connection, base, salt, { ...object, mechanism, parameter }),
  );
}

export async function encapsulate(
  fleet: TokenFleet,
  application: Application,
  args: ArgsOf<'ENCAPSULATE'>,
): Promise<ResultsOf<'ENCAPSULATE'>> {
  const { mechanism } = args;
  const key = requireKey(fleet, application, args.publicKey, CKA.ENCAPSULATE);
  const row = checkMechanism(key, mechanism, CKF_MECHANISM.ENCAPSULATE);
  const request = sharedSecretRequest(mechanism, args.template, key.attributes.get(CKA.ENCAPSULATE_TEMPLATE));
  const parameter = parameterOf(row, args.parameter).slice();
  let ciphertext = EMPTY;
  const { created } = await make(fleet, application, args, key, request, async (connection, object) => {
    const made = await fleet.objects.encapsulate(connection, key, { ...object, mechanism, parameter });
    ciphertext = made.ciphertext;
    return made.key;
  });
  return { ciphertext, created };
}

export function decapsulate(
  fleet: TokenFleet,
  application: Application,
  args: ArgsOf<'DECAPSULATE'>,
): Promise<Created> {
  const { mechanism } = args;
  const key = requireKey(fleet, application, args.privateKey, CKA.DECAPSULATE);
  const row = checkMechanism(key, mechanism, CKF_MECHANISM.DECAPSULATE);
  const request = sharedSecretRequest(mechanism, args.template, key.attributes.get(CKA.DECAPSULATE_TEMPLATE));
  const parameter = parameterOf(row, args.parameter).slice();
  const ciphertext = args.ciphertext.slice();
  return make(fleet, application, args, key, request, (connection, object) =>
    fleet.objects.decapsulate(connection, key, { ...object, mechanism, parameter, ciphertext }),
  );
}

/** @param source the key that the new one is made with, which decides on the connection if it is a session object */
function make(
  fleet: TokenFleet,
  application: Application,
  { session, request }: { readonly session: number; readonly request: Uint8Array },
  source: KeyEntry | undefined,
  { type, bits, flags, attributes }: NewObject,
  work: (connection: FleetConnection, object: NewObjectArgs) => Promise<KeyEntry>,
): Promise<Created> {
  requireLoginFor(application, flags);
  const name = nameOfRequest(request);
  const object = { session, name, type, bits, flags, attributes: attributeList(attributes) };
  return application.make(sessionObjectCount({ flags }), fleet.keys, async () => {
    const connection = source?.owner ?? makerOf(fleet, application, name);
    const entry = await work(connection, object).catch(refuseKey);
    return { created: factsOf(fleet, application, entry) };
  });
}

/** The key that HKDF takes as salt, if it takes one. */
function saltKey(fleet: TokenFleet, application: Application, parameter: Uint8Array): KeyEntry | undefined {
  const { saltType, saltKey: name } = readParameter('hkdf', parameter);
  if (saltType !== CKF_HKDF_SALT.KEY) return undefined;
  if (name.length !== 16) throw new CkrError(CKR.MECHANISM_PARAM_INVALID, 'the salt of HKDF is no key');
  return requireEntry(fleet, application, name, CKR.KEY_HANDLE_INVALID);
}

/** Runs checks of an unwrapping key and gives their errors the names that C_UnwrapKey has for them. */
function asUnwrappingKey<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof CkrError)) throw error;
    throw new CkrError(UNWRAPPING_KEY.get(error.ckr) ?? error.ckr, error.message);
  }
}

const UNWRAPPING_KEY = new Map<number, number>([
  [CKR.KEY_HANDLE_INVALID, CKR.UNWRAPPING_KEY_HANDLE_INVALID],
  [CKR.KEY_TYPE_INCONSISTENT, CKR.UNWRAPPING_KEY_TYPE_INCONSISTENT],
]);
