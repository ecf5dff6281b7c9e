/** A device in this process, with a user who is logged in and a view of what nobody may see: the values of its keys. */

import { mkdirSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '#src/audit/log.ts';
import { type Policy } from '#src/cryptoki/separation.ts';
import { holder } from '#src/daemon/holder.ts';
import { answerAll } from '#src/device/answer.ts';
import { Device } from '#src/device/device.ts';
import { SqliteKeyStore } from '#src/store/sqlite-key-store.ts';
import { User } from '#src/wire/enumerations.ts';
import { type ArgsOf, decodeResults, encodeRequest, type ResultsOf } from '#src/wire/message.ts';
import { type OperationName, operations } from '#src/wire/operations.ts';

const FACTORY_PIN = Buffer.from('YouReallyNeedToChangeThisPINRightNowWeAreNotKidding');
const PIN = Buffer.from('user pin');
const NO_BYTES = new Uint8Array(0);
const WHEEL = 1;
/** Connections of the user who tries to get at keys; each has session keys of its own. */
export const USERS: readonly number[] = [2, 3, 4, 5, 6, 7, 8, 9];

export class OpenDevice {
  readonly #device: Device;
  readonly #state: string;
  readonly #alive = setInterval(() => {}, 60_000);
  #requests = 0;
  /** Requests so far. */
  get requests(): number {
    return this.#requests;
  }

  private constructor(device: Device, state: string) {
    this.#device = device;
    this.#state = state;
  }

  static async start(policy: Policy): Promise<OpenDevice> {
    const state = mkdtempSync(join(tmpdir(), 'dks-separation-'));
    mkdirSync(join(state, 'run'), { mode: 0o700 });
    const mkmSocket = join(state, 'run', 'mkm.sock');
    await holder.ensure(mkmSocket);
    const device = new Device({
      index: 0,
      store: new SqliteKeyStore({ path: join(state, 'keystore.db'), maxKeys: 1000, maxBytes: undefined }),
      mkmSocket,
      epoch: Buffer.alloc(16, 1),
      pinDelayMs: 0,
      maxLogins: 10,
      publicSessionKeys: false,
      strictVendor: false,
      erasesKeys: false,
      policy,
      log: silentLog,
    });
    await device.masterKey.refresh();
    const open = new OpenDevice(device, state);
    await open.call('LOGIN', WHEEL, { user: User.WHEEL, pin: Buffer.from(FACTORY_PIN) });
    await open.call('SET_PIN', WHEEL, { user: User.NORMAL, pin: Buffer.from(PIN) });
    await open.call('MASTERKEY_SET', WHEEL, { key: NO_BYTES });
    for (const connection of USERS) {
      // oxlint-disable-next-line no-await-in-loop -- a device checks one PIN after the other
      await open.call('LOGIN', connection, { user: User.NORMAL, pin: Buffer.from(PIN) });
    }
    return open;
  }

  /** Calls a function as the fleet does. */
  async call<N extends OperationName>(
    name: N,
    connection: number,
    args: Omit<ArgsOf<N>, 'connection'>,
  ): Promise<ResultsOf<N>> {
    const client = operations[name].leg === 'vendor' ? connection : (0x8000_0000 | ++this.#requests) >>> 0;
    const request = encodeRequest(name, client, { connection, ...args } as unknown as ArgsOf<N>);
    const [reply] = answerAll(this.#device, [Buffer.from(request)]);
    return decodeResults(name, await (reply as Uint8Array | Promise<Uint8Array>));
  }

  /** The secret part of a key, whatever the rules say. */
  async secretOf(connection: number, uuid: Uint8Array): Promise<Uint8Array | undefined> {
    const secret = await this.#device.keys.unwrap(this.#device.keys.find(connection, uuid));
    return secret?.slice();
  }

  /** Forgets all session keys of a connection. */
  forgetSessionKeys(connection: number): void {
    this.#device.keys.deleteSessionKeys(connection, false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#alive);
    this.#device.close();
    await holder.end(join(this.#state, 'run', 'mkm.sock')).catch(() => {});
    await rm(this.#state, { recursive: true, force: true });
  }
}
