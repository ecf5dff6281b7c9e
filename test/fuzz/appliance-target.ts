/** Frames against the appliance's dispatcher, from vendor clients, our own and internal ones, in all roles. */

import assert from 'node:assert/strict';
import { Dispatcher, type Caller } from '#src/rpc/dispatcher.ts';
import { VendorSession } from '#src/rpc/vendor/session.ts';
import { type Application } from '#src/token/application.ts';
import { User } from '#src/wire/enumerations.ts';
import { type ArgsOf, readHeader } from '#src/wire/message.ts';
import { type OperationName, operations } from '#src/wire/operations.ts';
import { Bug } from '#src/wire/status.ts';
import { Grammar, keyRequests } from './grammar.ts';
import { type InProcess, startInProcess } from './in-process.ts';
import { Random } from './random.ts';
import { checkReply, KnownSoFar } from './replies.ts';
import { withinTime } from './within-time.ts';

/** After so many frames all connections end and begin anew. */
const EPOCH = 4096;
/** They take a whole PIN check each, end the logins, or change the PIN that the next epoch needs. */
const AVOIDED: ReadonlySet<string> = new Set(['LOGIN', 'LOGOUT', 'LOGOUT_ALL', 'SET_PIN']);

const ALL = (Object.keys(operations) as OperationName[]).filter((name) =>
  ['vendor', 'client'].includes(operations[name].leg),
);

const SETTINGS = { exportableKeys: () => true, keyExport: () => true, strictVendor: false };

class Client implements Caller {
  readonly session: VendorSession;
  readonly known = new KnownSoFar();
  application: Application | undefined;
  readonly #inProcess: InProcess;

  constructor(inProcess: InProcess, session: VendorSession) {
    this.#inProcess = inProcess;
    this.session = session;
  }

  hello(args: ArgsOf<'HELLO'>): Application {
    this.application = this.#inProcess.token.application(this.session.connection, args);
    return this.application;
  }

  drop(): void {}

  async end(): Promise<void> {
    this.session.closed = true;
    if (this.application) this.#inProcess.token.disconnected(this.application);
    await this.session.connection.close();
  }
}

export async function fuzzAppliance(seed: number, frames: number): Promise<void> {
  const inProcess = await startInProcess(2);
  try {
    const random = new Random(seed);
    const usual = new Grammar(
      random,
      ALL.filter((name) => !AVOIDED.has(name)),
    );
    const any = new Grammar(random, ALL);
    const dispatcher = new Dispatcher(inProcess.fleet, inProcess.token, inProcess.log);
    let clients: Client[] = [];
    for (let done = 0; done < frames;) {
      if (clients.length === 0) clients = await connectAll(inProcess);
      const until = Math.min(frames, done + EPOCH);
      // Each client has one request at a time, as vendor clients do; the clients do not wait for each other.
      const share = Math.ceil((until - done) / clients.length);
      await Promise.all(
        clients.map(async (client) => {
          for (const request of keyRequests(0)) await exchange(inProcess, dispatcher, client, Buffer.from(request));
          for (let i = 0; i < share; i++) {
            const grammar = client.session.connection.user === User.NONE && random.oneIn(8) ? any : usual;
            await exchange(inProcess, dispatcher, client, grammar.request(random.word(), 0, client.known));
          }
        }),
      );
      done += share * clients.length;
      await Promise.all(clients.map((client) => client.end()));
      clients = [];
      checkNothingLeft(inProcess);
    }
    assert.deepEqual(inProcess.complaints, []);
  } finally {
    await inProcess.stop();
  }
}

async function connectAll(inProcess: InProcess): Promise<Client[]> {
  const { fleet, login } = inProcess;
  const client = async (user: User, internal: boolean): Promise<Client> => {
    const connection = user === User.NONE ? fleet.openConnection() : await login(user);
    return new Client(inProcess, new VendorSession(fleet, SETTINGS, connection, { localAddress: '::1', internal }));
  };
  const clients = await Promise.all([
    client(User.NONE, false),
    client(User.NORMAL, false),
    client(User.WHEEL, false),
    client(User.NORMAL, true),
    client(User.NORMAL, false),
    client(User.NONE, false),
  ]);
  const names = { version: 1, name: 'fuzz' };
  for (const own of clients.slice(-2)) own.hello({ ...names, application: crypto.getRandomValues(new Uint8Array(16)) });
  return clients;
}

async function exchange(
  { complaints }: InProcess,
  dispatcher: Dispatcher,
  client: Client,
  request: Buffer,
): Promise<void> {
  const header = readHeader(request);
  if (!header) return;
  let replies = 0;
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  // A copy: handlers may wipe what they were given.
  dispatcher.answer(client, header, Uint8Array.from(request), (reply) => {
    replies++;
    resolve(reply.slice());
  });
  const reply = await withinTime(promise, () => request.toString('hex'));
  try {
    assert.equal(replies, 1);
    checkReply(request, reply);
  } catch (error) {
    throw new Bug(`${String(error)}\n${request.toString('hex')}\n${complaints.join('\n')}`);
  }
  client.known.learn(reply);
}

function checkNothingLeft({ fleet, devices }: InProcess): void {
  assert.deepEqual([...fleet.connections], []);
  for (const entry of fleet.keys.after('')) assert.equal(entry.owner, undefined, 'a session key in the table');
  for (const device of devices) {
    assert.equal(device.logins.size, 0);
    assert.equal(device.keys.volatileKeys, 0, 'session keys stay behind');
    assert.equal(device.handles.size, 0, 'key handles stay behind');
  }
}
