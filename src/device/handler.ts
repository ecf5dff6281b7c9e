/** What a handler of a device function looks like; the operation table says which functions there are. */

import { type SignatureScheme, type SigningKey, type SigningTask } from '#src/crypto/signing-key.ts';
import { type ArgsOf, type ResultsOf, type SizeResultsOf } from '#src/wire/message.ts';
import { type deviceOperations } from '#src/wire/device-operations.ts';
import { type vendorOperations } from '#src/wire/vendor-operations.ts';
import { type Device } from './device.ts';

/** Vendor functions that an appliance answers itself; a device does not know them. */
type ApplianceFunction =
  | 'GET_HSM_STATE'
  | 'GET_IP'
  | 'SET_RPC_DEVICE'
  | 'DISABLE_CACHE_KEYGEN'
  | 'ENABLE_CACHE_KEYGEN'
  | 'USE_INCOMING_DEVICE_UUIDS'
  | 'USE_INCOMING_MASTER_UUIDS';

type OwnFunction = keyof typeof deviceOperations;
type VendorFunction = Exclude<keyof typeof vendorOperations, ApplianceFunction>;
export type DeviceFunction = OwnFunction | VendorFunction;

/** The answer to a size query instead of the results. */
export class SizeReply<N extends DeviceFunction> {
  readonly results: SizeResultsOf<N>;

  constructor(results: SizeResultsOf<N>) {
    this.results = results;
  }
}

/** A signature that is made together with the others of its batch. */
export class SignatureToMake implements SigningTask {
  readonly key: SigningKey;
  readonly scheme: SignatureScheme;
  readonly input: Uint8Array;

  constructor(key: SigningKey, scheme: SignatureScheme, input: Uint8Array) {
    this.key = key;
    this.scheme = scheme;
    this.input = input;
  }
}

export type Answer<N extends DeviceFunction> =
  | ResultsOf<N>
  | SizeReply<N>
  | (N extends 'KEY_SIGN' ? SignatureToMake : never);

/**
 * Arguments are views of the received message: what is kept beyond the handler must be copied.
 * Errors are thrown as HalError.
 */
type Handler<N extends DeviceFunction> = (
  device: Device,
  connection: number,
  args: ArgsOf<N>,
) => Answer<N> | Promise<Answer<N>>;

/** Handlers for some functions. */
export type Handlers<N extends DeviceFunction> = { readonly [F in N]: Handler<F> };
