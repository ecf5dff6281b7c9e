/** From the bytes of a request to the bytes of its reply, and who may ask what in which state of the appliance. */

import { type Log } from '#src/audit/log.ts';
import { type Fleet } from '#src/fleet/fleet.ts';
import { type Application } from '#src/token/application.ts';
import { type Token } from '#src/token/token.ts';
import { ApplianceState } from '#src/wire/enumerations.ts';
import {
  type ArgsOf,
  decodeArgs,
  encodeError,
  encodeSizeReply,
  type Header,
  type ResultsOf,
} from '#src/wire/message.ts';
import { type Operation } from '#src/wire/operation.ts';
import { operationOf, operations } from '#src/wire/operations.ts';
import { type clientOperations } from '#src/wire/own-operations.ts';
import { CKR_STATUS_BASE, CkrError, HalError, HalStatus, WireError } from '#src/wire/status.ts';
import { XdrWriter } from '#src/wire/xdr.ts';
import { type Answer, SizeReply, type VendorFunction, type VendorHandlers } from './vendor/handler.ts';
import { handlers } from './vendor/handlers.ts';
import { logout } from './vendor/login.ts';
import { type VendorSession } from './vendor/session.ts';

type ClientFunction = keyof typeof clientOperations;
/** Takes a reply: a view that is valid during the call only. */
export type Send = (reply: Uint8Array) => void;

/** The connection that a request came in on. */
export interface Caller {
  readonly session: VendorSession;
  /** Set by HELLO. */
  readonly application: Application | undefined;
  /** Performs HELLO. @throws HalError */
  hello(args: ArgsOf<'HELLO'>): Application;
  /** Ends the connection after the replies given so far. */
  drop(): void;
}

/** Any of the functions: which one is known only when a message arrives. */
type AnyVendor = VendorFunction & 'PKEY_SIGN';
type AnyClient = ClientFunction & 'SIGN';
type AnyResults = Answer<AnyVendor> | ResultsOf<AnyClient>;

const writer = new XdrWriter();

export class Dispatcher {
  readonly #fleet: Fleet;
  readonly #token: Token;
  readonly #log: Log;
  /** The appliance shuts down: nothing new is begun. */
  closing = false;

  constructor(fleet: Fleet, token: Token, log: Log) {
    this.#fleet = fleet;
    this.#token = token;
    this.#log = log;
  }

  /**
   * Answers a request: `send` is called exactly once, at once or later. Never throws.
   */
  answer(caller: Caller, header: Header, message: Uint8Array, send: Send): void {
    const { admission } = caller.session;
    if (admission?.refusal) {
      send(encodeError(header.code, header.client, admission.refusal.status));
      caller.drop();
      return;
    }
    const name = operationOf(header.code);
    const operation: Operation | undefined = name === undefined ? undefined : operations[name];
    if (operation?.leg !== 'vendor' && operation?.leg !== 'client') {
      send(encodeError(header.code, header.client, HalStatus.RPC_BAD_FUNCTION));
      return;
    }
    try {
      if (!operation.always) this.#requireService(caller.session);
      const results =
        operation.leg === 'client'
          ? this.#callToken(caller, name as AnyClient, message)
          : this.#callVendor(caller, name as AnyVendor, message);
      if (!(results instanceof Promise)) {
        send(encode(name as AnyVendor, header, results));
        return;
      }
      results.then(
        (settled) => send(this.#encodeSettled(name as AnyVendor, header, settled)),
        (error: unknown) => send(this.#failure(header, name as string, error)),
      );
    } catch (error) {
      send(this.#failure(header, name as string, error));
    }
  }

  #callToken(caller: Caller, name: AnyClient, message: Uint8Array): AnyResults | Promise<AnyResults> {
    const args = decodeArgs(name, message);
    const isHello = (name as ClientFunction) === 'HELLO';
    const application = isHello ? caller.hello(args as unknown as ArgsOf<'HELLO'>) : caller.application;
    if (!application) throw new HalError('RPC_PROTOCOL_ERROR', 'HELLO comes first');
    return this.#token.call(name, application, args);
  }

  #callVendor(caller: Caller, name: AnyVendor, message: Uint8Array): AnyResults | Promise<AnyResults> {
    const args = decodeArgs(name, message);
    const { application, session } = caller;
    if (application && (name as VendorFunction) === 'LOGOUT') return this.#logOut(session, application);
    return (handlers as VendorHandlers<AnyVendor>)[name](session, args);
  }

  async #logOut(session: VendorSession, application: Application): Promise<AnyResults> {
    await Promise.all([logout(session, true), this.#token.loggedOut(application)]);
    return {} as AnyResults;
  }

  /** Why the appliance does not serve now, `undefined` if it does. */
  refusal(): HalError | undefined {
    switch (this.#fleet.state) {
      case ApplianceState.OPERATIONAL:
        return undefined;
      case ApplianceState.TAMPER:
        return new HalError('TAMPER');
      case ApplianceState.NO_MASTER_KEY:
        return new HalError('MASTERKEY_NOT_SET');
      case ApplianceState.LOCKED:
      case ApplianceState.NO_DEVICE:
        return new HalError('FORBIDDEN', 'the HSM is locked');
    }
  }

  /**
   * Internal callers are always served; of those that were admitted when the connection was accepted only tampering matters.
   * @throws HalError that tells why the appliance does not serve
   */
  #requireService({ internal, admission }: VendorSession): void {
    if (this.closing) throw new HalError('FORBIDDEN', 'shutting down');
    if (internal) return;
    const refusal = this.refusal();
    if (refusal && (admission === undefined || refusal.status === HalStatus.TAMPER)) throw refusal;
  }

  #encodeSettled(name: AnyVendor, header: Header, results: AnyResults): Uint8Array {
    try {
      return encode(name, header, results);
    } catch (error) {
      return this.#failure(header, name, error);
    }
  }

  /** The one place where errors become statuses. */
  #failure({ code, client }: Header, name: string, error: unknown): Uint8Array {
    if (error instanceof HalError || error instanceof WireError) {
      this.#log.debug(`${name}: ${error.message}`);
      return encodeError(code, client, error.status);
    }
    if (error instanceof CkrError) {
      // A vendor client knows only libhal's numbers; the one CK_RV a device call ends with is a lost login.
      const isOwn = operations[name as ClientFunction].leg === 'client';
      return encodeError(code, client, isOwn ? CKR_STATUS_BASE + error.ckr : HalStatus.FORBIDDEN);
    }
    this.#log.error(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return encodeError(code, client, HalStatus.ASSERTION_FAILED);
  }
}

/** The reply in the common buffer: one array buffer less per request. */
function encode(name: AnyVendor, { client }: Header, results: AnyResults): Uint8Array {
  if (results instanceof SizeReply) return encodeSizeReply(name, client, results.results);
  const operation: Operation = operations[name];
  writer.reset();
  writer.u32(operation.code);
  writer.u32(client);
  writer.u32(HalStatus.OK);
  operation.resultsSchema.write(writer, results, '');
  return writer.message();
}
