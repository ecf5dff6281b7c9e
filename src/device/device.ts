/** An emulated CrypTech device: everything that the handlers of its functions share. */

import { type Log } from '#src/audit/log.ts';
import { Gate } from '#src/crypto/gate.ts';
import { type SelfTestResult, selfTest } from '#src/crypto/self-test.ts';
import { type Policy } from '#src/cryptoki/separation.ts';
import { type KeyStore } from '#src/store/key-store.ts';
import { User } from '#src/wire/enumerations.ts';
import { HalError } from '#src/wire/status.ts';
import { Access } from './access.ts';
import { ContextLogins } from './context-logins.ts';
import { type KeyFacts } from './device-key.ts';
import { type RunningDigest } from './digests.ts';
import { HashsigKeys } from './hashsig-keys.ts';
import { Invitations } from './invitations.ts';
import { KeyPolicy } from './key-policy.ts';
import { KeySpace } from './key-space.ts';
import { LoginTable } from './login-table.ts';
import { LoginTickets } from './login-tickets.ts';
import { MasterKey } from './master-key.ts';
import { NumberedSlots } from './numbered-slots.ts';
import { OldRows } from './old-rows.ts';
import { PinChanges } from './pin-changes.ts';
import { PinGuard } from './pin-guard.ts';
import { UseCounts } from './use-counts.ts';

/** libhal has 256 key handles and 48 digests for all clients (`HAL_STATIC_PKEY_STATE_BLOCKS`, `HAL_STATIC_HASH_STATE_BLOCKS`). */
const HANDLES = { total: 65_536, perConnection: 4096, whenFull: 'NO_KEY_SLOTS_AVAILABLE' } as const;
const RUNNING_DIGESTS = { total: 8192, perConnection: 256, whenFull: 'ALLOCATION_FAILURE' } as const;

/** Key generations that are begun, and that wait; how many threads they may take is decided by the generator. */
const PARALLEL_GENERATIONS = 16;
const WAITING_GENERATIONS = 1024;

export interface DeviceOptions {
  readonly index: number;
  readonly store: KeyStore;
  readonly mkmSocket: string;
  /** Random name of the daemon's run, 16 bytes. */
  readonly epoch: Uint8Array;
  /** Delay after the first wrong PIN. */
  readonly pinDelayMs: number;
  readonly maxLogins: number;
  readonly publicSessionKeys: boolean;
  /** Answers exactly as a CrypTech device also where that misleads its own clients. */
  readonly strictVendor: boolean;
  /** What the attributes of keys allow. */
  readonly policy: Policy;
  /** Whether KEYS_ERASE does anything. */
  readonly erasesKeys: boolean;
  readonly log: Log;
}

/** An operation on behalf of a connection that may outlive it. */
interface Errand {
  readonly connection: number;
  cancelled: boolean;
}

export class Device {
  readonly log: Log;
  readonly strictVendor: boolean;
  readonly erasesKeys: boolean;
  readonly store: KeyStore;
  readonly logins: LoginTable;
  readonly access: Access;
  readonly masterKey: MasterKey;
  readonly contextLogins = new ContextLogins();
  readonly invitations = new Invitations();
  readonly uses: UseCounts;
  readonly policy: KeyPolicy;
  readonly keys: KeySpace;
  readonly hashsig: HashsigKeys;
  readonly pins: PinGuard;
  readonly pinChanges: PinChanges;
  readonly tickets: LoginTickets;
  /** Key handles of the vendor's functions: the UUID each stands for. */
  readonly handles = new NumberedSlots<Uint8Array>(HANDLES);
  readonly digests = new NumberedSlots<RunningDigest>(RUNNING_DIGESTS);
  /** Pairs that are just being made, by connection and name. */
  readonly pairsInProgress = new Map<string, Promise<{ privateKey: KeyFacts; publicKey: KeyFacts }>>();
  /** Other objects that are just being made, by connection, type and name. */
  readonly objectsInProgress = new Map<string, Promise<KeyFacts>>();
  readonly generations = new Gate(PARALLEL_GENERATIONS, { most: WAITING_GENERATIONS, whenFull: 'NOT_READY' });
  readonly #errands = new Set<Errand>();
  readonly #oldRows: OldRows;

  constructor(options: DeviceOptions) {
    const { index, store, mkmSocket, epoch, pinDelayMs, maxLogins, publicSessionKeys, policy, log } = options;
    this.log = log;
    this.strictVendor = options.strictVendor;
    this.erasesKeys = options.erasesKeys;
    this.store = store;
    this.logins = new LoginTable(maxLogins);
    this.access = new Access(this.logins, { publicSessionKeys });
    this.uses = new UseCounts(store, log);
    this.policy = new KeyPolicy(policy, this.contextLogins, this.uses);
    this.masterKey = new MasterKey({
      socketPath: mkmSocket,
      device: index,
      log,
      onChange: () => {
        this.keys.forgetSecrets();
        this.hashsig.forgetAll();
      },
      onSet: () => this.#oldRows.start(),
    });
    this.#oldRows = new OldRows(store, log, () => this.masterKey.current);
    this.keys = new KeySpace(store, this.access, this.masterKey, this.uses, (id) => this.hashsig.forget(id));
    this.hashsig = new HashsigKeys(store, this.keys);
    this.pins = new PinGuard(store, pinDelayMs, log);
    this.pinChanges = new PinChanges(store);
    this.tickets = new LoginTickets(store, epoch, log);
  }

  /**
   * Ends a login with everything the connection owns; also for connections that never logged in.
   * @param keepsPublic all but public session objects, as C_Logout has it (PKCS#11 3.2 section 5.6.10)
   */
  logout(connection: number, keepsPublic = false): void {
    for (const errand of this.#errands) if (errand.connection === connection) errand.cancelled = true;
    this.logins.logout(connection);
    this.keys.deleteSessionKeys(connection, keepsPublic);
    this.handles.closeAll(connection);
    this.digests.closeAll(connection);
    this.pinChanges.forget(connection);
    this.contextLogins.forget(connection);
    this.invitations.forget(connection);
    this.tickets.end(connection);
  }

  /**
   * Runs `work` and then `finish` for a connection. If the connection has logged out in between, it gets FORBIDDEN and
   * `finish` does not run: nothing is left behind for a connection that nobody will ever log out again.
   */
  async runFor<T, R>(connection: number, work: () => Promise<T>, finish: (result: T) => R | Promise<R>): Promise<R> {
    const errand: Errand = { connection, cancelled: false };
    this.#errands.add(errand);
    try {
      const result = await work();
      if (errand.cancelled) throw new HalError('FORBIDDEN', 'logged out in the meantime');
      return await finish(result);
    } finally {
      this.#errands.delete(errand);
    }
  }

  /** Logs out every connection that is logged in. */
  logoutAll(): void {
    for (const connection of this.logins.connections()) this.logout(connection);
  }

  /** Whether a connection may end the logins of others. */
  mayLogoutAll(connection: number): boolean {
    const user = this.logins.userOf(connection);
    return user === User.WHEEL || user === User.SO;
  }

  /** Whose rules a connection's requests come under: the security officer's, or those of the users of keys. */
  roleOf(connection: number): 'user' | 'so' {
    return this.logins.userOf(connection) === User.SO ? 'so' : 'user';
  }

  /** Runs the known-answer tests. If one fails, no key is used any more. */
  async testItself(test: () => Promise<readonly SelfTestResult[]> = selfTest): Promise<readonly SelfTestResult[]> {
    const results = await test();
    const failed = results.filter(({ passed }) => !passed).map(({ name }) => name);
    if (failed.length > 0) {
      this.log.error(`the self test has failed, no key is served: ${failed.join(', ')}`);
      this.masterKey.refuse();
      this.keys.forgetSecrets();
    }
    return results;
  }

  close(): void {
    this.#oldRows.stop();
    this.uses.close();
    this.masterKey.close();
    this.store.close();
  }
}
