/** Replays recorded calls against something alive and says what differs. */

import {
  decodeArgs,
  decodeResults,
  decodeSizeResults,
  encodeReply,
  encodeRequest,
  encodeSizeReply,
  readHeader,
  readStatus,
} from '#src/wire/message.ts';
import { type OperationName, operationOf } from '#src/wire/operations.ts';
import { HalError, HalStatus, WireError } from '#src/wire/status.ts';
import { isSame, LiveValues } from './live-values.ts';
import { fromHex, type RecordedCall } from './vectors.ts';

export interface Target {
  /** Sends a message on one of several connections. Resolves with `undefined` if there is no reply to it. */
  exchange(connection: string, request: Uint8Array): Promise<Uint8Array | undefined>;
}

type Fields = Record<string, unknown>;
type AnyName = OperationName & 'PKEY_GET_ATTRIBUTES';

const ERRORS = Object.fromEntries(Object.entries(HalStatus).map(([name, status]) => [status, name]));
const NO_UUID = '00'.repeat(16);

/** Calls that make a key of random numbers. */
const GENERATING = new Set(['PKEY_GENERATE_RSA', 'PKEY_GENERATE_EC', 'PKEY_GENERATE_HASHSIG']);

export class Replay {
  readonly #target: Target;
  readonly #values = new LiveValues();
  /** Live handles of keys whose numbers are those of the recording. */
  readonly #literal = new Set<number>();
  /** Live results of searches that began at the beginning, by what was searched for. */
  readonly #found = new Map<string, Uint8Array[]>();
  #pages: { recorded: string[]; live: string[] } = { recorded: [], live: [] };

  constructor(target: Target) {
    this.#target = target;
  }

  /** What differs in the reply, `undefined` if nothing does. */
  async call({ conn, request_hex, reply_hex }: RecordedCall): Promise<string | undefined> {
    const recorded = fromHex(request_hex);
    const request = this.#requestFor(recorded);
    const reply = await this.#target.exchange(conn, request);
    const recordedReply = reply_hex === null ? undefined : fromHex(reply_hex);
    if (!reply || !recordedReply) {
      return reply === recordedReply ? undefined : `${describe(reply)} instead of ${describe(recordedReply)}`;
    }
    if (!isSame(reply.subarray(0, 8), request.subarray(0, 8))) return 'another function or client word';
    if (readStatus(reply) !== readStatus(recordedReply)) {
      return `${describe(reply)} instead of ${describe(recordedReply)}`;
    }
    if (readStatus(reply) !== HalStatus.OK) return reply.length === 12 ? undefined : 'an error with results';
    return this.#compareResults(recorded, request, recordedReply, reply);
  }

  #requestFor(recorded: Uint8Array): Uint8Array {
    const header = readHeader(recorded);
    const name = header && (operationOf(header.code) as AnyName | undefined);
    if (!header || name === undefined) return recorded;
    let args: Fields;
    try {
      args = decodeArgs(name, recorded) as unknown as Fields;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return this.#values.malformed(header.code, recorded);
    }
    const live = this.#values.argumentsFor(args);
    const start = name === ('PKEY_MATCH' as string) ? this.#startBehindUnknown(args, live ?? args) : live;
    return start ? encodeRequest(name, header.client, start as never) : recorded;
  }

  /** A `previous` that is no key: the live one has as many keys behind it as the recorded one. */
  #startBehindUnknown(recorded: Fields, live: Fields): Fields {
    const previous = recorded['previous'] as Uint8Array;
    const isKnown = recorded['state'] === 0 || previous.toHex() === NO_UUID || live['previous'] !== previous;
    const all = this.#found.get(criteria(recorded));
    if (isKnown || !all) return live;
    // The recorded one has three keys behind it; ours is the value right below the third of ours from the end.
    const before = all.at(-3)?.slice() ?? previous;
    let octet = before.length - 1;
    while (before[octet] === 0) before[octet--] = 0xff;
    before[octet]! -= 1;
    return { ...live, previous: before };
  }

  #compareResults(recordedRequest: Uint8Array, request: Uint8Array, recordedReply: Uint8Array, reply: Uint8Array) {
    const { code, client } = readHeader(reply)!;
    const name = operationOf(code) as AnyName;
    const args = decodeArgs(name, recordedRequest) as unknown as Fields;
    const liveArgs = decodeArgs(name, request) as unknown as Fields;
    const isSize = args['lenMax'] === 0 || args['bufferLen'] === 0;
    const decode = (message: Uint8Array) =>
      (isSize ? decodeSizeResults(name, message) : decodeResults(name, message)) as unknown as Fields;
    const live = decode(reply);
    const exact = isSize ? encodeSizeReply(name, client, live as never) : encodeReply(name, client, live as never);
    if (!isSame(exact, reply)) return 'octets behind the results, or padding that is not zero';
    if (name === ('PKEY_MATCH' as string)) return this.#compareMatch(args, decode(recordedReply), live);
    const was = decode(recordedReply);
    const problems = Object.keys(was).map((field) => this.#compare(name, field, was[field], live[field], liveArgs));
    this.#noteLiteral(name, recordedRequest, request, live);
    return problems.find((problem) => problem !== undefined);
  }

  #compare(name: string, field: string, was: unknown, is: unknown, args: Fields): string | undefined {
    if (field === 'pkey') return this.#values.learnKey(was as number, is as number);
    if (field === 'hash') return this.#values.learnHash(was as number, is as number);
    if (!(was instanceof Uint8Array && is instanceof Uint8Array)) {
      const [before, now] = [plain(was), plain(is)];
      return before === now ? undefined : `${field} ${now} instead of ${before}`;
    }
    if (field === 'uuid') return this.#values.learnUuid(was, is);
    if (name === 'GET_RANDOM') return was.length === is.length ? undefined : `${is.length} octets`;
    const isExact = field === 'digest' || field === 'id' || this.#isLiteral(field, was, args);
    if (isExact) return isSame(was, is) ? undefined : `another ${field}`;
    return this.#values.learnValue(field, was, is);
  }

  /** What comes of a key of the recording is the same again, except a signature with a random number in it. */
  #isLiteral(field: string, was: Uint8Array, args: Fields): boolean {
    const ofKey = this.#literal.has(args['pkey'] as number);
    return ofKey && (field === 'der' || (field === 'signature' && [128, 256].includes(was.length)));
  }

  #noteLiteral(name: string, recordedRequest: Uint8Array, request: Uint8Array, live: Fields): void {
    if (typeof live['pkey'] !== 'number' || GENERATING.has(name)) return;
    if (name === 'PKEY_LOAD' && isSame(recordedRequest, request)) this.#literal.add(live['pkey']);
  }

  /** UUIDs are random and so is their order: pages have to be as full as in the recording, and all of them together the same. */
  #compareMatch(args: Fields, was: Fields, is: Fields): string | undefined {
    const [recorded, live] = [was['uuids'] as Uint8Array[], is['uuids'] as Uint8Array[]];
    const isStart = args['state'] === 0 || (args['previous'] as Uint8Array).toHex() === NO_UUID;
    if (isStart) this.#pages = { recorded: [], live: [] };
    if (isStart && was['state'] === 3) this.#found.set(criteria(args), [...live].sort(Buffer.compare));
    this.#values.learnPage(recorded, live);
    this.#pages.recorded.push(...recorded.map((uuid) => this.#values.uuid(uuid.toHex())));
    this.#pages.live.push(...live.map((uuid) => uuid.toHex()));
    if (live.length !== recorded.length) return `${live.length} keys instead of ${recorded.length}`;
    if (was['state'] !== is['state']) return `state ${is['state']} instead of ${was['state']}`;
    if (is['state'] !== 3) return undefined;
    // After a start behind an unknown UUID nobody can say which keys follow.
    const isPart = !isStart && this.#pages.live.length === live.length;
    if (isPart) this.#pages = { recorded: [], live: [] };
    if (isPart) return undefined;
    const { recorded: all, live: liveAll } = this.#pages;
    this.#pages = { recorded: [], live: [] };
    return plain(all.sort()) === plain(liveAll.sort()) ? undefined : 'other keys';
  }
}

/** The error of a reply that has none would hide a difference. */
function describe(reply: Uint8Array | undefined): string {
  if (!reply) return 'no reply';
  return ERRORS[readStatus(reply)] ?? new HalError('RPC_PROTOCOL_ERROR').message;
}

function criteria({ type, curve, mask, flags, attributes }: Fields): string {
  return plain([type, curve, mask, flags, attributes]);
}

function plain(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (part instanceof Uint8Array ? part.toHex() : part));
}
