/** The PKCS#11 token: every function that our own clients call. */

import { type Log } from '#src/audit/log.ts';
import { type FleetConnection } from '#src/fleet/connection.ts';
import { CKF_TOKEN } from '#src/cryptoki/constants.ts';
import { MECHANISMS } from '#src/cryptoki/mechanisms.ts';
import { Limits } from '#src/wire/enumerations.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { type clientOperations } from '#src/wire/own-operations.ts';
import { HalError } from '#src/wire/status.ts';
import { type Application } from './application.ts';
import { Applications } from './applications.ts';
import { closeSession, destroyObject, setAttributes } from './change-objects.ts';
import { ckrErrorOf } from './ckr-errors.ts';
import { createObject, generateKeyPair } from './create-objects.ts';
import { findObjects } from './find-objects.ts';
import { readableAttributes, requireDescription, requireEntry } from './objects.ts';
import { sign, verify } from './sign.ts';
import { type TokenFleet } from './token-fleet.ts';

/** Version of our own functions that HELLO agrees on. */
const VERSION = 1;

/** Requests of one connection that may be in flight. */
const REQUEST_LIMIT = 1024;

/** The label that the manual's OpenDNSSEC configuration names. */
const LABEL = 'Cryptech Token';

/** Major x 256 + minor, as the vendor's library reports: hardware 0.1, firmware 1.0. */
const HARDWARE_VERSION = 0x0001;
const FIRMWARE_VERSION = 0x0100;

const TOKEN_FLAGS =
  CKF_TOKEN.RNG | CKF_TOKEN.LOGIN_REQUIRED | CKF_TOKEN.USER_PIN_INITIALIZED | CKF_TOKEN.TOKEN_INITIALIZED;

type ClientOperation = keyof typeof clientOperations;

type Handlers = {
  readonly [N in ClientOperation]: (application: Application, args: ArgsOf<N>) => ResultsOf<N> | Promise<ResultsOf<N>>;
};

export interface TokenOptions {
  readonly fleet: TokenFleet;
  /** Serial number of the appliance. CK_TOKEN_INFO has room for its last 16 characters. */
  readonly serial: string;
  readonly log: Log;
  /** `Cryptech Token` if absent; the vendor's later libraries say `Diamond-HSM-Token`. */
  readonly label?: string;
  /** How long the session objects of a lost connection are kept, 60,000 if absent. */
  readonly graceMs?: number;
}

export class Token {
  readonly #fleet: TokenFleet;
  readonly #serial: string;
  readonly #label: string;
  readonly #applications: Applications;

  constructor({ fleet, serial, log, label = LABEL, graceMs = 60_000 }: TokenOptions) {
    this.#fleet = fleet;
    this.#serial = serial;
    this.#label = label;
    this.#applications = new Applications(fleet.keys, graceMs, log);
  }

  /**
   * The application that says HELLO on a connection. From now on the token closes the connection: the caller reports its loss by
   * {@link disconnected}.
   * @throws HalError BAD_ARGUMENTS for a version that does not exist
   */
  application(connection: FleetConnection, hello: ArgsOf<'HELLO'>): Application {
    if (hello.version === 0) throw new HalError('BAD_ARGUMENTS', 'version 0 of HELLO');
    return this.#applications.connect(connection, hello.application, hello.name);
  }

  /** The network connection of an application is lost. */
  disconnected(application: Application): void {
    this.#applications.disconnect(application);
  }

  /** The connection of an application has logged out. */
  loggedOut(application: Application): void {
    this.#applications.loggedOut(application);
  }

  /** Ends all applications. */
  close(): void {
    this.#applications.close();
  }

  /**
   * Performs a function. The arguments may be views of a received message: nothing of them is kept.
   * @throws CkrError, at once or as a rejection
   */
  call<N extends ClientOperation>(
    name: N,
    application: Application,
    args: ArgsOf<N>,
  ): ResultsOf<N> | Promise<ResultsOf<N>> {
    try {
      return this.#handlers[name](application, args);
    } catch (error) {
      throw ckrErrorOf(error);
    }
  }

  readonly #handlers: Handlers = {
    HELLO: (application, { version }) => ({
      version: Math.min(version, VERSION),
      serial: this.#serial,
      requestLimit: REQUEST_LIMIT,
      resumed: application.resumed ? 1 : 0,
    }),
    TOKEN_INFO: () => ({
      label: this.#label,
      manufacturer: 'DiamondKeySecurity',
      model: 'DiamondHSM',
      serial: this.#serial.slice(-16),
      flags: TOKEN_FLAGS,
      pinMin: Limits.pinMin,
      pinMax: Limits.pinMax,
      hardwareVersion: HARDWARE_VERSION,
      firmwareVersion: FIRMWARE_VERSION,
      state: this.#fleet.state,
    }),
    MECHANISM_LIST: () => ({
      mechanisms: MECHANISMS.map(({ mechanism, minKeySize, maxKeySize, flags }) => ({
        mechanism,
        minKeySize,
        maxKeySize,
        flags,
      })),
    }),
    SESSION_CLOSE: mapped(async (application, { session }) => {
      await closeSession(this.#fleet, application, session);
      return {};
    }),
    OBJECT_FIND: (application, { template, after, limit }) =>
      findObjects(this.#fleet, application, template, after, limit),
    OBJECT_GET: (application, { object }) => {
      const entry = requireEntry(this.#fleet, application, object);
      return { attributes: readableAttributes(entry, requireDescription(entry)) };
    },
    OBJECT_SET: mapped(async (application, { object, template }) => ({
      attributes: await setAttributes(this.#fleet, application, object, template),
    })),
    OBJECT_CREATE: mapped((application, args) => createObject(this.#fleet, application, args)),
    OBJECT_DESTROY: mapped(async (application, { object }) => {
      await destroyObject(this.#fleet, application, object);
      return {};
    }),
    KEY_PAIR_GENERATE: mapped((application, args) => generateKeyPair(this.#fleet, application, args)),
    SIGN: (application, args) => sign(this.#fleet, application, args),
    VERIFY: (application, args) => verify(this.#fleet, application, args),
  };
}

/** A handler whose rejections become CkrErrors. */
function mapped<A, R>(
  handler: (application: Application, args: A) => Promise<R>,
): (application: Application, args: A) => Promise<R> {
  return (application, args) =>
    handler(application, args).catch((error: unknown) => {
      throw ckrErrorOf(error);
    });
}
