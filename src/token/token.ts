/** The PKCS#11 token: every function that our own clients call. */

import { type Log } from '#src/audit/log.ts';
import { type FleetConnection } from '#src/fleet/connection.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { type clientOperations } from '#src/wire/own-operations.ts';
import { HalError } from '#src/wire/status.ts';
import { type Application } from './application.ts';
import { Applications } from './applications.ts';
import { closeSession, destroyObject, setAttributes } from './change-objects.ts';
import { ckrErrorOf } from './ckr-errors.ts';
import { copyObject, createObject, generateKeyPair } from './create-objects.ts';
import { decrypt, encrypt, objectValue, wrap } from './encrypt.ts';
import { findObjects } from './find-objects.ts';
import { decapsulate, deriveKey, encapsulate, generateSecretKey, unwrapKey } from './make-keys.ts';
import { mechanismList } from './mechanism-list.ts';
import { freshAttributes, requireEntry } from './objects.ts';
import { changePin, initialiseToken, loginForContext } from './pins.ts';
import { profileAttributes } from './profiles.ts';
import { sign, verify } from './sign.ts';
import { type TokenFleet } from './token-fleet.ts';
import { tokenInfo } from './token-info.ts';

/** Version of our own functions that HELLO agrees on. */
const VERSION = 1;

/** Requests of one connection that may be in flight. */
const REQUEST_LIMIT = 1024;

/** The label that the manual's OpenDNSSEC configuration names. */
const LABEL = 'Cryptech Token';

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
  /** Whether C_InitToken destroys all keys; absent: never. */
  readonly initialisingErasesKeys?: () => boolean;
  /** Whether outdated mechanisms are offered, `true` if absent. */
  readonly legacyMechanisms?: boolean;
  /** How long the session objects of a lost connection are kept, 60,000 if absent. */
  readonly graceMs?: number;
}

export class Token {
  readonly #fleet: TokenFleet;
  readonly #serial: string;
  readonly #label: string;
  readonly #applications: Applications;
  readonly #log: Log;
  readonly #initialisingErasesKeys: () => boolean;
  readonly #legacyMechanisms: boolean;

  constructor(options: TokenOptions) {
    const { fleet, serial, log, label = LABEL, graceMs = 60_000, initialisingErasesKeys } = options;
    this.#log = log;
    this.#legacyMechanisms = options.legacyMechanisms ?? true;
    this.#initialisingErasesKeys = initialisingErasesKeys ?? (() => false);
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
  loggedOut(application: Application): Promise<void> {
    return this.#applications.loggedOut(application);
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
    TOKEN_INFO: () => tokenInfo(this.#fleet, this.#label, this.#serial),
    MECHANISM_LIST: () => ({ mechanisms: mechanismList(this.#legacyMechanisms, this.#fleet.hasOnlyBoards) }),
    SESSION_CLOSE: mapped(async (application, { session }) => {
      await closeSession(this.#fleet, application, session);
      return {};
    }),
    OBJECT_FIND: (application, { template, after, limit }) =>
      findObjects(this.#fleet, application, template, after, limit),
    OBJECT_GET: async (application, { object }) => {
      const profile = profileAttributes(object);
      if (profile) return { attributes: profile };
      const entry = requireEntry(this.#fleet, application, object);
      return { attributes: await freshAttributes(this.#fleet, application, entry) };
    },
    OBJECT_SET: mapped(async (application, { object, template }) => ({
      attributes: await setAttributes(this.#fleet, application, object, template),
    })),
    OBJECT_CREATE: mapped((application, args) => createObject(this.#fleet, application, args)),
    OBJECT_DESTROY: mapped(async (application, { object }) => {
      await destroyObject(this.#fleet, application, object);
      return {};
    }),
    OBJECT_COPY: mapped((application, args) => copyObject(this.#fleet, application, args)),
    OBJECT_VALUE: mapped((application, args) => objectValue(this.#fleet, application, args)),
    KEY_PAIR_GENERATE: mapped((application, args) => generateKeyPair(this.#fleet, application, args)),
    SECRET_KEY_GENERATE: mapped((application, args) => generateSecretKey(this.#fleet, application, args)),
    WRAP: mapped((application, args) => wrap(this.#fleet, application, args)),
    UNWRAP: mapped((application, args) => unwrapKey(this.#fleet, application, args)),
    DERIVE: mapped((application, args) => deriveKey(this.#fleet, application, args)),
    ENCAPSULATE: mapped((application, args) => encapsulate(this.#fleet, application, args)),
    DECAPSULATE: mapped((application, args) => decapsulate(this.#fleet, application, args)),
    ENCRYPT: mapped((application, args) => encrypt(this.#fleet, application, args)),
    DECRYPT: mapped((application, args) => decrypt(this.#fleet, application, args)),
    CONTEXT_LOGIN: mapped((application, args) => loginForContext(this.#fleet, application, args)),
    PIN_CHANGE: mapped((application, args) => changePin(application, args, this.#log)),
    TOKEN_INITIALIZE: mapped((application, args) =>
      initialiseToken(this.#fleet, application, args, this.#initialisingErasesKeys(), this.#log),
    ),
    SIGN: (application, args) => sign(this.#fleet, application, args),
    VERIFY: (application, args) => verify(this.#fleet, application, args),
  };
}

/** A handler whose rejections become CkrErrors. */
function mapped<A, R>(
  handler: (application: Application, args: A) => Promise<R>,
): (application: Application, args: A) => Promise<R> {
  return async (application, args) => {
    try {
      return await handler(application, args);
    } catch (error) {
      throw ckrErrorOf(error);
    }
  };
}
