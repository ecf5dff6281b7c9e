/** A token on a fake fleet, and a program that uses it. */

import assert from 'node:assert/strict';
import { silentLog } from '#src/audit/log.ts';
import { CKA } from '#src/cryptoki/constants.ts';
import { type Attribute } from '#src/cryptoki/values.ts';
import { type FleetConnection } from '#src/fleet/connection.ts';
import { type Application } from '#src/token/application.ts';
import { Token, type TokenOptions } from '#src/token/token.ts';
import { type clientOperations } from '#src/wire/own-operations.ts';
import { type ArgsOf, type ResultsOf } from '#src/wire/message.ts';
import { CkrError } from '#src/wire/status.ts';
import { User } from '#src/wire/enumerations.ts';
import { type FakeConnection, FakeFleet } from './fake-fleet.ts';
import { bytesOf, template, type Template } from './templates.ts';

type ClientOperation = keyof typeof clientOperations;

export const NONE = new Uint8Array(16);

export function randomUuid(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(16));
}

export class Program<C extends FleetConnection = FakeConnection> {
  readonly token: Token;
  readonly connection: C;
  readonly application: Application;

  constructor(token: Token, connection: C, uuid: Uint8Array) {
    this.token = token;
    this.connection = connection;
    this.application = token.application(connection, { version: 1, application: uuid, name: 'test' });
  }

  async call<N extends ClientOperation>(name: N, args: ArgsOf<N>): Promise<ResultsOf<N>> {
    return this.token.call(name, this.application, args);
  }

  async generate(mechanism: number, publicTemplate: Template, privateTemplate: Template, request = randomUuid()) {
    const { publicKey, privateKey } = await this.call('KEY_PAIR_GENERATE', {
      session: 1,
      request,
      mechanism,
      parameter: NONE.subarray(0, 0),
      publicTemplate: template(publicTemplate),
      privateTemplate: template(privateTemplate),
    });
    return { publicKey: new Found(publicKey), privateKey: new Found(privateKey) };
  }

  async create(values: Template, request = randomUuid(), session = 1): Promise<Found> {
    const { created } = await this.call('OBJECT_CREATE', { session, request, template: template(values) });
    return new Found(created);
  }

  /** All objects that match, page by page. */
  async find(values: Template, limit = 0): Promise<Found[]> {
    const found: Found[] = [];
    let after: Uint8Array = NONE;
    for (;;) {
      const page = await this.call('OBJECT_FIND', { template: template(values), after, limit });
      found.push(...page.objects.map((facts) => new Found(facts)));
      if (page.more === 0) return found;
      after = page.objects.at(-1)?.object ?? NONE;
    }
  }

  async set(object: Uint8Array, values: Template): Promise<Found> {
    const { attributes } = await this.call('OBJECT_SET', { object, template: template(values) });
    return new Found({ object, attributes });
  }

  sign(object: Uint8Array, mechanism: number, data: Uint8Array, parameter = NONE.subarray(0, 0)) {
    return this.call('SIGN', { object, mechanism, parameter, data });
  }
}

/** An object as a reply describes it. */
export class Found {
  readonly object: Uint8Array;
  readonly attributes: ReadonlyMap<number, Uint8Array>;

  constructor({ object, attributes }: { object: Uint8Array; attributes: Attribute[] }) {
    this.object = object;
    this.attributes = new Map(attributes.map(({ type, value }) => [type, value]));
    assert.equal(this.attributes.size, attributes.length, 'no attribute twice');
  }

  /** Hexadecimal. */
  get(name: keyof typeof CKA): string | undefined {
    const value = this.attributes.get(CKA[name]);
    return value && Buffer.from(value).toString('hex');
  }

  assertHas(values: Template, message: string): void {
    for (const [name, value] of Object.entries(values)) {
      assert.equal(
        this.get(name as keyof typeof CKA),
        Buffer.from(bytesOf(value)).toString('hex'),
        `${message}: ${name}`,
      );
    }
  }
}

export interface Setup {
  readonly fleet: FakeFleet;
  readonly token: Token;
  /** Logged in as user. */
  readonly user: Program;
  /** Another program that has not logged in. */
  readonly visitor: Program;
}

export function startToken(options: Partial<TokenOptions> = {}): Setup {
  const fleet = new FakeFleet();
  const token = new Token({ fleet, serial: 'DKS-0123456789-ABCDEF', log: silentLog, ...options });
  return {
    fleet,
    token,
    user: new Program(token, fleet.connection(User.NORMAL), randomUuid()),
    visitor: new Program(token, fleet.connection(), randomUuid()),
  };
}

/** Expects the return value of PKCS#11. */
export async function rejectsWith(work: Promise<unknown>, ckr: number, message?: string): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof CkrError, `${message ?? ''}: ${String(error)}`);
    assert.equal(error.ckr.toString(16), ckr.toString(16), `${message ?? ''}: ${error.message}`);
    return true;
  });
}
