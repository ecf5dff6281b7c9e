/** What the operation table says about each function of the protocol. */

import { type Fields, type Schema, struct, type TypeFromFields } from './schema.ts';

/**
 * Who may call a function, as a **device** decides by the login of the connection:
 * `any`; `userOrWheel`; `userOrWheelUnlessPublicSession` (also anyone, if the key flags have PUBLIC and lack TOKEN);
 * `wheel`; `so`; `wheelOrSoForUser` (SET_PIN: wheel for all roles, so for the user PIN);
 * `match` (PKEY_MATCH: empty result instead of an error); `internal` (never from the network).
 */
export type Caller =
  | 'any'
  | 'userOrWheel'
  | 'userOrWheelUnlessPublicSession'
  | 'wheel'
  | 'so'
  | 'wheelOrSoForUser'
  | 'match'
  | 'internal';

/**
 * Where the appliance sends a request: `any` device; `all` devices; the digests it keeps itself (`hash`); the device of a
 * key handle (`handle`); a device it chooses for a new key (`create`); a device that holds the named key (`key`);
 * the merged listing (`match`); the devices of two handles (`export`); worst answer of all devices (`worst`);
 * the `appliance` itself. `device` functions never come from a client.
 */
export type Route =
  | 'any'
  | 'all'
  | 'hash'
  | 'handle'
  | 'create'
  | 'key'
  | 'match'
  | 'export'
  | 'worst'
  | 'appliance'
  | 'device';

/** Who speaks a function to whom: the vendor's functions on every leg; ours client to appliance, appliance to device, device to master key holder. */
export type Leg = 'vendor' | 'client' | 'device' | 'mkm';

export interface Operation<A extends Fields = Fields, R extends Fields = Fields> {
  readonly code: number;
  readonly leg: Leg;
  readonly args: A;
  readonly results: R;
  readonly caller: Caller;
  readonly route: Route;
  /** Changes stored state; such a request is never repeated by itself after a lost connection. */
  readonly mutates: boolean;
  /** Answered even while the HSM is locked, has no master key or reports tampering. */
  readonly always: boolean;
  /** If this argument is 0 the reply has these `results` instead. */
  readonly sizeQuery: { readonly argument: keyof A & string; readonly results: Fields } | undefined;
  readonly argsSchema: Schema<TypeFromFields<A>>;
  readonly resultsSchema: Schema<TypeFromFields<R>>;
  /** Of the reply to a size query. */
  readonly sizeSchema: Schema<unknown> | undefined;
  /** One sentence for the protocol chapter of the manual. */
  readonly summary: string;
}

/** Arguments of an operation as an object. */
export type Args<O> = O extends Operation<infer A, any> ? TypeFromFields<A> : never;

/** Results of an operation as an object. */
export type Results<O> = O extends Operation<any, infer R> ? TypeFromFields<R> : never;

export function operation<A extends Fields, R extends Fields>(
  description: Pick<Operation, 'code' | 'leg' | 'summary'> & {
    args: A;
    results: R;
    caller?: Caller;
    route?: Route;
    mutates?: boolean;
    always?: boolean;
    sizeQuery?: { argument: keyof A & string; results: Fields };
  },
): Operation<A, R> {
  return {
    caller: 'any',
    route: 'any',
    mutates: false,
    always: false,
    sizeQuery: undefined,
    ...description,
    argsSchema: struct(description.args),
    resultsSchema: struct(description.results),
    sizeSchema: description.sizeQuery === undefined ? undefined : struct(description.sizeQuery.results),
  };
}
