/** A token on real devices: processes and key stores of their own, two devices. */

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '#src/audit/log.ts';
import { holder } from '#src/daemon/holder.ts';
import { Fleet, type FleetConnection } from '#src/fleet/fleet.ts';
import { type KeyEntry } from '#src/fleet/key-table.ts';
import { Token, type TokenOptions } from '#src/token/token.ts';
import { idOf } from '#src/token/uuid.ts';
import { User } from '#src/wire/enumerations.ts';
import { Found, Program, randomUuid } from './start-token.ts';
import { template, type Template } from './templates.ts';

export const FACTORY_PIN = 'YouReallyNeedToChangeThisPINRightNowWeAreNotKidding';
export const USER_PIN = 'user-4711';
export const SO_PIN = 'so-0815';
export const none = new Uint8Array(0);

export const pin = (text: string): Uint8Array => Buffer.from(text);

export class RealToken {
  readonly fleet: Fleet;
  readonly token: Token;
  readonly state: string;

  private constructor(state: string, fleet: Fleet, options: Partial<TokenOptions>) {
    this.state = state;
    this.fleet = fleet;
    this.token = new Token({ fleet, serial: '1', log: silentLog, ...options });
  }

  static async start(options: Partial<TokenOptions> = {}): Promise<RealToken> {
    const state = await mkdtemp(join(tmpdir(), 'token-'));
    await mkdir(join(state, 'run'), { mode: 0o700 });
    const keyRules = {
      keySeparation: 'strict',
      legacyMechanisms: true,
      plaintextImport: true,
      initTokenErasesKeys: options.initialisingErasesKeys !== undefined,
    } as const;
    const fleet = await Fleet.start({ state, devices: 2, log: silentLog, pinDelayMs: 0, holder, keyRules });
    const wheel = fleet.openConnection();
    await wheel.login(User.WHEEL, pin(FACTORY_PIN));
    (await fleet.setMasterKey(wheel, undefined)).fill(0);
    await wheel.setPin(User.NORMAL, pin(USER_PIN));
    await wheel.setPin(User.SO, pin(SO_PIN));
    await fleet.unlock(wheel);
    await wheel.close();
    return new RealToken(state, fleet, options);
  }

  async stop(): Promise<void> {
    this.token.close();
    await this.fleet.stop({ endHolder: true });
    await rm(this.state, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }

  /** A program that has not logged in. */
  visitor(uuid = randomUuid()): RealProgram {
    return new RealProgram(this.token, this.fleet.openConnection(), uuid);
  }

  async program(user: User = User.NORMAL, text = USER_PIN, uuid = randomUuid()): Promise<RealProgram> {
    const program = this.visitor(uuid);
    await program.connection.login(user, pin(text));
    return program;
  }

  entry({ object }: Found): KeyEntry {
    return this.fleet.keys.get(idOf(object)) as KeyEntry;
  }

  /** Indexes of the devices that have an object. */
  places(found: Found): number[] {
    return [...this.entry(found).copies.keys()].sort((a, b) => a - b);
  }
}

/** What a program asks for, each time by a request of its own. */
export class RealProgram extends Program<FleetConnection> {
  async secretKey(mechanism: number, values: Template, request = randomUuid(), parameter = none): Promise<Found> {
    const args = { session: 1, request, mechanism, parameter, template: template(values) };
    return new Found((await this.call('SECRET_KEY_GENERATE', args)).created);
  }

  async copy({ object }: Found, values: Template): Promise<Found> {
    const args = { session: 1, request: randomUuid(), object, template: template(values) };
    return new Found((await this.call('OBJECT_COPY', args)).created);
  }

  async wrap(wrappingKey: Found, key: Found, mechanism: number, parameter = none): Promise<Uint8Array> {
    const args = { wrappingKey: wrappingKey.object, mechanism, parameter, key: key.object };
    return (await this.call('WRAP', args)).wrapped.slice();
  }

  async unwrap(
    key: Found,
    mechanism: number,
    wrapped: Uint8Array,
    values: Template,
    request = randomUuid(),
  ): Promise<Found> {
    const args = { session: 1, request, unwrappingKey: key.object, mechanism, parameter: none };
    return new Found((await this.call('UNWRAP', { ...args, wrapped, template: template(values) })).created);
  }

  async derive(
    base: Found,
    mechanism: number,
    parameter: Uint8Array,
    values: Template,
    request = randomUuid(),
  ): Promise<Found> {
    const args = { session: 1, request, baseKey: base.object, mechanism, parameter };
    return new Found((await this.call('DERIVE', { ...args, template: template(values) })).created);
  }

  async encrypt({ object }: Found, mechanism: number, parameter: Uint8Array, data: Uint8Array): Promise<Uint8Array> {
    return (await this.call('ENCRYPT', { object, mechanism, parameter, data })).result.slice();
  }

  async decrypt({ object }: Found, mechanism: number, parameter: Uint8Array, data: Uint8Array): Promise<Uint8Array> {
    return (await this.call('DECRYPT', { object, mechanism, parameter, data })).result.slice();
  }

  /** The secret attributes, in hexadecimal by type. */
  async value({ object }: Found): Promise<Map<number, string>> {
    const { attributes } = await this.call('OBJECT_VALUE', { object });
    return new Map(attributes.map(({ type, value }) => [type, value.toHex()]));
  }

  async get({ object }: Found): Promise<Found> {
    const { attributes } = await this.call('OBJECT_GET', { object });
    return new Found({ object, attributes: attributes.map(({ type, value }) => ({ type, value: value.slice() })) });
  }
}
