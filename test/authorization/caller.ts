/** A connection in a role, with everything at hand that the requests need. */

import { type ArgsOf, decodeResults, encodeRequest, readStatus, type ResultsOf } from '#src/wire/message.ts';
import { type OperationName } from '#src/wire/operations.ts';
import { HalStatus } from '#src/wire/status.ts';
import { type Role } from './model.ts';
import { ROLE_NUMBERS, type Things } from './probes.ts';

/** Sends a message on the connection, gives the reply. */
export type Exchange = (message: Uint8Array) => Promise<Uint8Array>;
export type Pins = Readonly<Record<Role, Uint8Array>>;

const NO_BYTES = new Uint8Array(0);
const DIGEST = new Uint8Array(32).fill(7);
/** DIGITALSIGNATURE, TOKEN, PUBLIC and EXPORTABLE; KEYENCIPHERMENT, TOKEN and PUBLIC; DIGITALSIGNATURE and PUBLIC. */
const SIGNING = 0x39;
const RECEIVING = 0x1a;
const PUBLIC_SESSION = 0x11;

export class Caller {
  readonly #exchange: Exchange;
  readonly #pins: Pins;

  constructor(exchange: Exchange, pins: Pins) {
    this.#exchange = exchange;
    this.#pins = pins;
  }

  async call<N extends OperationName>(name: N, args: ArgsOf<N>): Promise<ResultsOf<N>> {
    return decodeResults(name, await this.#exchange(encodeRequest(name, 0, args)));
  }

  async status(message: Uint8Array): Promise<number> {
    return readStatus(await this.#exchange(message));
  }

  /** `none`: without login. The role is entered anew if it was lost. */
  async become(role: Role): Promise<void> {
    if (role === 'none') {
      await this.call('LOGOUT', {});
      return;
    }
    const user = ROLE_NUMBERS[role];
    if ((await this.status(encodeRequest('IS_LOGGED_IN', 0, { user }))) === HalStatus.OK) return;
    await this.call('LOGIN', { user, pin: this.#pins[role].slice() });
  }

  /** Makes keys and opens them, as user. */
  async provide(): Promise<Things> {
    await this.become('user');
    const key = await this.call('PKEY_GENERATE_EC', { session: 0, curve: 1, flags: SIGNING });
    await this.call('PKEY_SET_ATTRIBUTES', { pkey: key.pkey, attributes: [{ type: 3, value: DIGEST }] });
    const victim = await this.call('PKEY_GENERATE_EC', { session: 0, curve: 1, flags: SIGNING });
    const uuid = key.uuid.slice();
    const { pkey: toClose } = await this.call('PKEY_OPEN', { session: 0, uuid });
    const exponent = Uint8Array.of(1, 0, 1);
    const kekek = await this.call('PKEY_GENERATE_RSA', { session: 0, bits: 1024, exponent, flags: RECEIVING });
    const { der } = await this.call('PKEY_GET_PUBLIC_KEY', { pkey: key.pkey, derMax: 512 });
    const input = { pkey: key.pkey, hash: 0, input: DIGEST, sigMax: 64 };
    const { signature } = await this.call('PKEY_SIGN', input);
    const limits = { pkcs8Max: 5480, kekMax: 512 };
    const { pkcs8, kek } = await this.call('PKEY_EXPORT', { pkey: key.pkey, kekek: kekek.pkey, ...limits });
    return {
      pkey: key.pkey,
      toClose,
      toDelete: victim.pkey,
      kekek: kekek.pkey,
      uuid,
      spki: der.slice(),
      signature: signature.slice(),
      exported: { pkcs8: pkcs8.slice(), kek: kek.slice() },
      publicSession: async () =>
        (await this.call('PKEY_GENERATE_EC', { session: 0, curve: 1, flags: PUBLIC_SESSION })).pkey,
      hash: async () => (await this.call('HASH_INITIALIZE', { session: 0, alg: 3, key: NO_BYTES })).hash,
      pin: (role) => this.#pins[role].slice(),
    };
  }
}
