/** An appliance in the test's own process: TLS, the protocol, keys in memory, and faults on demand. */

import { type KeyObject, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';

import { createServerCertificate } from '#src/crypto/certificate.ts';
import { CKA, CKF_MECHANISM, CKF_TOKEN, CKK, CKM, CKO, CKR } from '#src/cryptoki/constants.ts';
import { ApplianceState, Limits, User } from '#src/wire/enumerations.ts';
import { decodeArgs, encodeError, encodeReply, readHeader } from '#src/wire/message.ts';
import { type OperationName, operations } from '#src/wire/operations.ts';
import { SlipDecoder, SlipEncoder } from '#src/wire/slip.ts';
import { CKR_STATUS_BASE, CkrError, HalError } from '#src/wire/status.ts';
import { decryptAes, encryptAes } from './fake-ciphers.ts';
import { type Attribute, makePair, signRaw, ulong } from './fake-keys.ts';

export const PIN = 'user-4711';
export const SO_PIN = 'so-4711';

interface FakeObject {
  readonly uuid: Buffer;
  attributes: Attribute[];
  readonly key: KeyObject | undefined;
  /** Of AES keys. */
  readonly secret?: Uint8Array;
  readonly session: number;
  /** Of a session object. */
  readonly owner: Client | undefined;
}

interface Client {
  readonly socket: TLSSocket;
  user: number;
  /** Keys whose PIN was given for one use. */
  readonly unlocked: Set<string>;
}

/**
 * What a fault does with a request: another reply without doing it, `silent` (no reply), `close` (before the reply),
 * `closeAfter` doing it, or a reply so many milliseconds late.
 */
export type Fault = Uint8Array | 'silent' | 'close' | 'closeAfter' | number | undefined;

const MECHANISMS = [
  [CKM.RSA_PKCS_KEY_PAIR_GEN, 1024, 8192, CKF_MECHANISM.GENERATE_KEY_PAIR],
  [CKM.EC_KEY_PAIR_GEN, 256, 521, CKF_MECHANISM.GENERATE_KEY_PAIR],
  [CKM.EC_EDWARDS_KEY_PAIR_GEN, 255, 448, CKF_MECHANISM.GENERATE_KEY_PAIR],
  [CKM.RSA_PKCS, 1024, 8192, CKF_MECHANISM.SIGN],
  [CKM.SHA256_RSA_PKCS, 1024, 8192, CKF_MECHANISM.SIGN],
  [CKM.ECDSA, 256, 521, CKF_MECHANISM.SIGN],
  [CKM.ECDSA_SHA256, 256, 521, CKF_MECHANISM.SIGN],
  [CKM.EDDSA, 255, 448, CKF_MECHANISM.SIGN],
  [CKM.SHA256, 0, 0, CKF_MECHANISM.DIGEST],
  [CKM.MD5, 0, 0, CKF_MECHANISM.DIGEST],
  [CKM.MD5_RSA_PKCS, 1024, 8192, CKF_MECHANISM.SIGN],
  [CKM.SHA1_RSA_PKCS, 1024, 8192, CKF_MECHANISM.SIGN],
  [CKM.ECDSA_SHA1, 256, 521, CKF_MECHANISM.SIGN],
  // Something this library has never heard of: it must not list it.
  [0x80001234, 0, 0, CKF_MECHANISM.SIGN],
].map(([mechanism = 0, minKeySize = 0, maxKeySize = 0, flags = 0]) => ({ mechanism, minKeySize, maxKeySize, flags }));

/** What a policy against outdated cryptography takes out of the list. */
const OUTDATED: ReadonlySet<number> = new Set([CKM.MD5, CKM.MD5_RSA_PKCS, CKM.SHA1_RSA_PKCS, CKM.ECDSA_SHA1]);

const identity = createServerCertificate({
  commonName: 'dks-hsm',
  addresses: ['127.0.0.1'],
  notBefore: new Date(),
  days: 2,
});

const names = new Map<number, OperationName>(
  Object.entries(operations).map(([name, { code }]) => [code, name as OperationName]),
);

const ckr = (value: number): CkrError => new CkrError(value);

export class FakeAppliance {
  readonly fingerprint: string;
  port = 0;
  state: number = ApplianceState.OPERATIONAL;
  pin = PIN;
  soPin = SO_PIN;
  label = 'Cryptech Token';
  requestLimit = 64;
  /** Whether the policy allows outdated mechanisms. */
  outdated = true;
  /** LOGIN, SET_PIN, PIN_CHANGE and TOKEN_INITIALIZE with a wrong PIN. */
  wrongPins = 0;
  /** Requests received, by function. */
  readonly counts = new Map<OperationName, number>();
  /** Connections accepted. */
  connections = 0;
  readonly objects = new Map<string, FakeObject>();
  fault: ((name: OperationName) => Fault) | undefined;
  readonly #identity: typeof identity;
  readonly #clients = new Set<Client>();
  readonly #created = new Map<string, unknown>();
  #server: Server | undefined;

  constructor(ownIdentity = identity) {
    this.#identity = ownIdentity;
    this.fingerprint = ownIdentity.fingerprint;
  }

  static async start(ownIdentity = identity): Promise<FakeAppliance> {
    const appliance = new FakeAppliance(ownIdentity);
    await appliance.listen();
    return appliance;
  }

  /** A fault of the next request of this name, and of no other. */
  failOnce(name: string, what: Fault): void {
    let done = false;
    this.fault = (function_) => {
      if (done || function_ !== name) return undefined;
      done = true;
      return what;
    };
  }

  /** A second key, for the test of a replaced appliance. */
  static otherIdentity(): typeof identity {
    return createServerCertificate({ commonName: 'dks-hsm', addresses: [], notBefore: new Date(), days: 2 });
  }

  /** On the same port as before, if there was one. */
  async listen(): Promise<void> {
    const server = createServer({
      key: this.#identity.keyPem,
      cert: this.#identity.certPem,
      ALPNProtocols: ['dks-rpc/1'],
    });
    server.on('secureConnection', (socket) => this.#accept(socket));
    server.on('tlsClientError', () => {});
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Closes the port and all connections; objects stay for the next {@link listen}. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.dropConnections();
    if (server) await new Promise((resolve) => server.close(resolve));
  }

  dropConnections(): void {
    for (const { socket } of this.#clients) socket.destroy();
  }

  /** What a restart of a device does: nobody is logged in any more. */
  loseLogins(): void {
    for (const client of this.#clients) {
      client.user = User.NONE;
      client.unlocked.clear();
    }
  }

  count(name: OperationName): number {
    return this.counts.get(name) ?? 0;
  }

  #accept(socket: TLSSocket): void {
    const client: Client = { socket, user: User.NONE, unlocked: new Set() };
    const decoder = new SlipDecoder(Limits.ownMessage);
    this.connections++;
    this.#clients.add(client);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#clients.delete(client);
      // Session objects end with their connection: HELLO says that there are none to be found again.
      for (const [id, { owner }] of this.objects) if (owner === client) this.objects.delete(id);
    });
    socket.on('data', (chunk) => {
      const out = new SlipEncoder(2);
      // Lone ENDs may come at any time.
      out.appendEnd();
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      decoder.push(bytes, (frame) => this.#answer(client, frame, out));
      if (!socket.destroyed) socket.write(out.take());
    });
  }

  #answer(client: Client, frame: Uint8Array, out: SlipEncoder): void {
    const header = readHeader(frame);
    const name = header && names.get(header.code);
    if (!header || !name) return;
    this.counts.set(name, this.count(name) + 1);
    const fault = this.fault?.(name);
    if (fault === 'silent') return;
    if (fault === 'close') {
      client.socket.destroy();
      return;
    }
    if (fault instanceof Uint8Array) {
      out.append(Buffer.concat([frame.subarray(0, 8), fault]));
      return;
    }
    const reply = this.#reply(client, name, header, frame);
    if (typeof fault === 'number') {
      const late = new SlipEncoder(1);
      late.append(reply);
      setTimeout(() => client.socket.writable && client.socket.write(late.take()), fault);
      return;
    }
    if (fault === 'closeAfter') client.socket.destroy();
    else out.append(reply);
  }

  #reply(client: Client, name: OperationName, header: { code: number; client: number }, frame: Uint8Array): Uint8Array {
    try {
      if (!operations[name].always) this.#requireService();
      // oxlint-disable-next-line typescript/no-unsafe-argument
      return encodeReply(name, header.client, this.#call(client, name, frame) as never);
    } catch (error) {
      if (error instanceof CkrError) return encodeError(header.code, header.client, CKR_STATUS_BASE + error.ckr);
      if (error instanceof HalError) return encodeError(header.code, header.client, error.status);
      throw error;
    }
  }

  #requireService(): void {
    if (this.state === ApplianceState.NO_MASTER_KEY) throw new HalError('MASTERKEY_NOT_SET');
    if (this.state === ApplianceState.TAMPER) throw new HalError('TAMPER');
    if (this.state !== ApplianceState.OPERATIONAL) throw new HalError('FORBIDDEN');
  }

  #call(client: Client, name: OperationName, frame: Uint8Array): unknown {
    switch (name) {
      case 'HELLO':
        return { version: 1, serial: 'fake', requestLimit: this.requestLimit, resumed: 0 };
      case 'TOKEN_INFO':
        return {
          ...{ label: this.label, manufacturer: 'DiamondKeySecurity', model: 'DiamondHSM', serial: 'fake' },
          ...{ flags: CKF_TOKEN.LOGIN_REQUIRED | CKF_TOKEN.RNG | CKF_TOKEN.TOKEN_INITIALIZED, pinMin: 4, pinMax: 4096 },
          ...{ hardwareVersion: 1, firmwareVersion: 256, state: this.state },
        };
      case 'MECHANISM_LIST':
        return { mechanisms: MECHANISMS.filter(({ mechanism }) => this.outdated || !OUTDATED.has(mechanism)) };
      case 'LOGIN':
        return this.#login(client, frame);
      case 'SET_PIN':
      case 'PIN_CHANGE':
      case 'TOKEN_INITIALIZE':
      case 'CONTEXT_LOGIN':
        return this.#pin(client, name, frame);
      case 'LOGOUT':
        client.user = User.NONE;
        return {};
      case 'GET_RANDOM':
        return { data: randomBytes(decodeArgs('GET_RANDOM', frame).length) };
      case 'SESSION_CLOSE':
        return this.#closeSession(decodeArgs('SESSION_CLOSE', frame).session);
      case 'OBJECT_FIND':
        return this.#find(client, frame);
      case 'OBJECT_SET':
        return this.#set(client, frame);
      case 'OBJECT_DESTROY':
        this.#object(client, decodeArgs('OBJECT_DESTROY', frame).object);
        this.objects.delete(hex(decodeArgs('OBJECT_DESTROY', frame).object));
        return {};
      case 'KEY_PAIR_GENERATE':
        return this.#generate(client, frame);
      case 'SECRET_KEY_GENERATE':
        return this.#generateSecret(client, frame);
      case 'ENCRYPT': {
        const args = decodeArgs('ENCRYPT', frame);
        return { result: encryptAes(this.#secret(client, args.object), args) };
      }
      case 'DECRYPT': {
        const args = decodeArgs('DECRYPT', frame);
        return { result: decryptAes(this.#secret(client, args.object), args) };
      }
      case 'SIGN': {
        const { object, mechanism, data } = decodeArgs('SIGN', frame);
        const { key, attributes } = this.#object(client, object);
        if (valueOf(attributes, CKA.ALWAYS_AUTHENTICATE)?.[0] === 1 && !client.unlocked.delete(hex(object)))
          throw ckr(CKR.USER_NOT_LOGGED_IN);
        if (!key) throw ckr(CKR.KEY_FUNCTION_NOT_PERMITTED);
        return { signature: signRaw(key, mechanism, data) };
      }
      default:
        throw new HalError('RPC_BAD_FUNCTION');
    }
  }

  #login(client: Client, frame: Uint8Array): {} {
    const { user, pin } = decodeArgs('LOGIN', frame);
    this.#check(pin, user);
    client.user = user;
    return {};
  }

  #check(pin: Uint8Array, user: number): void {
    if (Buffer.from(pin).toString('latin1') === (user === User.SO ? this.soPin : this.pin)) return;
    this.wrongPins++;
    throw new HalError('PIN_INCORRECT');
  }

  #pin(client: Client, name: 'SET_PIN' | 'PIN_CHANGE' | 'TOKEN_INITIALIZE' | 'CONTEXT_LOGIN', frame: Uint8Array): {} {
    if (name === 'CONTEXT_LOGIN') {
      const { object, pin } = decodeArgs(name, frame);
      this.#object(client, object);
      this.#check(pin, User.NORMAL);
      client.unlocked.add(hex(object));
    } else if (name === 'SET_PIN') {
      const { user, pin } = decodeArgs(name, frame);
      if (client.user !== User.SO || user !== User.NORMAL) throw new HalError('FORBIDDEN');
      this.pin = Buffer.from(pin).toString('latin1');
    } else if (name === 'PIN_CHANGE') {
      const { oldPin, newPin } = decodeArgs(name, frame);
      const user = client.user === User.SO ? User.SO : User.NORMAL;
      this.#check(oldPin, user);
      const changed = Buffer.from(newPin).toString('latin1');
      if (user === User.SO) this.soPin = changed;
      else this.pin = changed;
    } else {
      const { pin, label } = decodeArgs(name, frame);
      this.#check(pin, User.SO);
      this.label = label;
      this.objects.clear();
    }
    return {};
  }

  #closeSession(session: number): {} {
    for (const [id, object] of this.objects) {
      if (object.session !== 0 && (session === 0 || object.session === session)) this.objects.delete(id);
    }
    return {};
  }

  #visible(client: Client, object: FakeObject): boolean {
    return client.user === User.NORMAL || valueOf(object.attributes, CKA.PRIVATE)?.[0] !== 1;
  }

  #object(client: Client, uuid: Uint8Array): FakeObject {
    const object = this.objects.get(hex(uuid));
    if (!object) throw ckr(CKR.OBJECT_HANDLE_INVALID);
    if (!this.#visible(client, object)) throw ckr(CKR.USER_NOT_LOGGED_IN);
    return object;
  }

  #find(client: Client, frame: Uint8Array): unknown {
    const { template, after, limit } = decodeArgs('OBJECT_FIND', frame);
    const matching = [...this.objects.entries()]
      .filter(([id]) => id > hex(after))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, object]) => object)
      .filter((object) => this.#visible(client, object))
      .filter(({ attributes }) =>
        template.every(
          ({ type, value }) => Buffer.compare(valueOf(attributes, type) ?? Buffer.of(0xff, 0xff), value) === 0,
        ),
      );
    // Pages of 3, so that searches take several.
    const page = matching.slice(0, Math.min(limit, 3));
    return {
      more: matching.length > page.length ? 1 : 0,
      objects: page.map(({ uuid, attributes }) => ({ object: uuid, attributes })),
    };
  }

  #set(client: Client, frame: Uint8Array): unknown {
    const { object, template } = decodeArgs('OBJECT_SET', frame);
    const found = this.#object(client, object);
    found.attributes = merge(found.attributes, template);
    return { attributes: found.attributes };
  }

  #generate(client: Client, frame: Uint8Array): unknown {
    const args = decodeArgs('KEY_PAIR_GENERATE', frame);
    if (client.user !== User.NORMAL) throw ckr(CKR.USER_NOT_LOGGED_IN);
    const before = this.#created.get(hex(args.request));
    if (before) return before;
    const size = valueOf(args.publicTemplate, CKA.MODULUS_BITS) ?? valueOf(args.publicTemplate, CKA.EC_PARAMS);
    if (!size) throw ckr(CKR.TEMPLATE_INCOMPLETE);
    const pair = makePair(args.mechanism, size.slice());
    const enter = (defaults: Attribute[], template: Attribute[], key: KeyObject | undefined, isPrivate: number) => {
      const attributes = merge(
        [
          ...[CKA.TOKEN, CKA.SIGN, CKA.VERIFY].map((type) => ({ type, value: Uint8Array.of(0) })),
          { type: CKA.PRIVATE, value: Uint8Array.of(isPrivate) },
          ...[CKA.LABEL, CKA.ID].map((type) => ({ type, value: new Uint8Array(0) })),
          ...defaults,
        ],
        template,
      );
      const session = valueOf(attributes, CKA.TOKEN)?.[0] === 1 ? 0 : args.session;
      const object: FakeObject = {
        ...{ uuid: randomBytes(16), attributes, key, session },
        owner: session === 0 ? undefined : client,
      };
      this.objects.set(hex(object.uuid), object);
      return { object: object.uuid, attributes };
    };
    const reply = {
      publicKey: enter(pair.publicAttributes, args.publicTemplate, undefined, 0),
      privateKey: enter(pair.privateAttributes, args.privateTemplate, pair.privateKey, 1),
    };
    this.#created.set(hex(args.request), reply);
    return reply;
  }

  #secret(client: Client, uuid: Uint8Array): Uint8Array {
    const { secret } = this.#object(client, uuid);
    if (!secret) throw ckr(CKR.KEY_TYPE_INCONSISTENT);
    return secret;
  }

  /** A key for AES-256, whatever the mechanism. */
  #generateSecret(client: Client, frame: Uint8Array): unknown {
    const { request, session, template } = decodeArgs('SECRET_KEY_GENERATE', frame);
    const before = this.#created.get(hex(request));
    if (before) return before;
    const attributes = merge(
      [
        { type: CKA.CLASS, value: ulong(CKO.SECRET_KEY) },
        { type: CKA.KEY_TYPE, value: ulong(CKK.AES) },
        { type: CKA.VALUE_LEN, value: ulong(32) },
        ...[CKA.PRIVATE, CKA.ENCRYPT, CKA.DECRYPT].map((type) => ({ type, value: Uint8Array.of(1) })),
      ],
      template,
    );
    const owner = valueOf(attributes, CKA.TOKEN)?.[0] === 1 ? 0 : session;
    const [uuid, secret] = [randomBytes(16), randomBytes(32)];
    const object: FakeObject = {
      ...{ uuid, attributes, key: undefined, secret, session: owner },
      owner: owner === 0 ? undefined : client,
    };
    this.objects.set(hex(object.uuid), object);
    const reply = { created: { object: object.uuid, attributes } };
    this.#created.set(hex(request), reply);
    return reply;
  }

  /** Enters an object that no key stands behind, e.g. for searches. */
  addData(label: string): void {
    const uuid = randomBytes(16);
    const attributes = [
      { type: CKA.CLASS, value: ulong(CKO.DATA) },
      { type: CKA.TOKEN, value: Uint8Array.of(1) },
      { type: CKA.LABEL, value: Buffer.from(label) },
    ];
    this.objects.set(hex(uuid), { uuid, attributes, key: undefined, session: 0, owner: undefined });
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function valueOf(attributes: readonly Attribute[], type: number): Uint8Array | undefined {
  return attributes.find((attribute) => attribute.type === type)?.value;
}

/** Values of a request are views of its message: copied. */
function merge(attributes: readonly Attribute[], changes: readonly Attribute[]): Attribute[] {
  const merged = new Map(attributes.map(({ type, value }) => [type, value]));
  for (const { type, value } of changes) merged.set(type, Uint8Array.from(value));
  return [...merged].map(([type, value]) => ({ type, value }));
}
