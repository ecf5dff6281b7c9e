/** Requests to one device that wait for their replies, and what becomes of them when the device fails. */

import { type ArgsOf, decodeResults, readHeader, type ResultsOf } from '#src/wire/message.ts';
import { type Operation } from '#src/wire/operation.ts';
import { type OperationName, operations } from '#src/wire/operations.ts';
import { HalError } from '#src/wire/status.ts';
import { XdrWriter } from '#src/wire/xdr.ts';

/** Gets the results, or the error (HalError, CkrError, WireError) of a request. Results are views of the received chunk. */
export type Done<N extends OperationName> = (error: Error | undefined, results: ResultsOf<N> | undefined) => void;

export interface RequestOptions {
  /** Longest time without an answer while the device works, in milliseconds. */
  readonly limit: number;
  /** Connection number of a vendor function: its client word. Our own functions get a request number with bit 31. */
  readonly connection?: number | undefined;
  /** Sent again after a restart of the device: the function only reads, or the second time does nothing new. */
  readonly repeat?: boolean;
  /** Part of starting the device: sent before the device counts as running. */
  readonly early?: boolean;
  /** Carries a PIN or a master key: all buffers of ours are wiped after use. */
  readonly secret?: boolean;
}

interface Pending {
  readonly name: OperationName;
  readonly message: Uint8Array;
  readonly options: RequestOptions;
  readonly done: (error: Error | undefined, results: unknown) => void;
  readonly client: number;
  readonly since: number;
  /** Sent on the present link. */
  sent: boolean;
}

const OWN_NUMBER = 0x8000_0000;
const writer = new XdrWriter();

/** What the requests need of the link at the moment. */
export interface Sender {
  send(message: Uint8Array): void;
  sendSecret(message: Uint8Array): void;
}

export class DeviceRequests {
  /** By client word: request number, or connection number of a vendor function. */
  readonly #pending = new Map<number, Pending>();
  /** Vendor functions that wait until the one before on the same connection is answered (the device tells them apart by connection only). */
  readonly #queues = new Map<number, Pending[]>();
  #nextNumber = 0;
  #sender: Sender | undefined;
  #running = false;
  #generations = 0;

  /** Requests without an answer. */
  get outstanding(): number {
    return this.#pending.size + this.#queues.size;
  }

  /** Key generations without an answer. */
  get generations(): number {
    return this.#generations;
  }

  submit<N extends OperationName>(name: N, args: ArgsOf<N>, options: RequestOptions, done: Done<N>): void {
    if (options.early && !this.#sender) {
      done(new HalError('IO_TIMEOUT', 'the device was lost'), undefined);
      return;
    }
    const client = options.connection ?? this.#number();
    let message: Uint8Array;
    try {
      message = encode(name, client, args, options.secret === true);
    } catch (error) {
      done(error as Error, undefined);
      return;
    }
    const pending: Pending = {
      name,
      message,
      options,
      done: done as Pending['done'],
      client,
      since: Date.now(),
      sent: false,
    };
    if (name === 'KEY_PAIR_CREATE') this.#generations++;
    if (this.#pending.has(client)) {
      const queue = this.#queues.get(client);
      if (queue) queue.push(pending);
      else this.#queues.set(client, [pending]);
      return;
    }
    this.#pending.set(client, pending);
    if (this.#running || options.early) this.#send(pending);
  }

  /** A link is there, but the device does not run yet: only `early` requests are sent. */
  attach(sender: Sender): void {
    this.#sender = sender;
  }

  /** The device runs: everything that waited is sent, in order. */
  run(): void {
    this.#running = true;
    for (const pending of this.#pending.values()) if (!pending.sent) this.#send(pending);
  }

  /** The link is lost. Requests that can be repeated wait for the next one; the others fail. */
  detach(): void {
    this.#sender = undefined;
    this.#running = false;
    for (const pending of this.#pending.values()) {
      if (!pending.sent) continue;
      pending.sent = false;
      if (!pending.options.repeat)
        this.#fail(pending, new HalError('IO_TIMEOUT', `the device failed during ${pending.name}`));
    }
  }

  /** Handles a message of the device; tells which request it answered. */
  receive(message: Uint8Array): OperationName | undefined {
    const header = readHeader(message);
    if (!header) return undefined;
    const pending = this.#pending.get(header.client);
    // A reply to a request that was given up.
    if (!pending?.sent || operations[pending.name].code !== header.code) return undefined;
    this.#settled(pending);
    let results;
    try {
      results = decodeResults(pending.name, message);
    } catch (error) {
      pending.done(error as Error, undefined);
      return pending.name;
    }
    pending.done(undefined, results);
    return pending.name;
  }

  /** Fails the requests that are older than their limit; `true` if there were any. `patience` lengthens all limits. */
  expire(now: number, patience: number): boolean {
    let expired = false;
    for (const pending of this.#pending.values()) {
      if (now - pending.since <= pending.options.limit * patience) continue;
      expired = true;
      this.#fail(pending, new HalError('IO_TIMEOUT', `no answer to ${pending.name}`));
    }
    return expired;
  }

  /** Fails everything that waits for longer than `age` milliseconds. */
  failOlderThan(age: number): void {
    const limit = Date.now() - age;
    for (const pending of this.#pending.values()) {
      if (pending.since <= limit) this.#fail(pending, new HalError('IO_TIMEOUT', 'the device is out of service'));
    }
  }

  #send(pending: Pending): void {
    if (!this.#sender) return;
    pending.sent = true;
    if (pending.options.secret) this.#sender.sendSecret(pending.message);
    else this.#sender.send(pending.message);
  }

  #fail(pending: Pending, error: HalError): void {
    this.#settled(pending);
    pending.done(error, undefined);
  }

  #settled(pending: Pending): void {
    this.#pending.delete(pending.client);
    if (pending.options.secret) pending.message.fill(0);
    if (pending.name === 'KEY_PAIR_CREATE') this.#generations--;
    if (pending.options.connection === undefined) return;
    const queue = this.#queues.get(pending.client);
    const next = queue?.shift();
    if (queue?.length === 0) this.#queues.delete(pending.client);
    if (!next) return;
    this.#pending.set(next.client, next);
    if (this.#running || next.options.early) this.#send(next);
  }

  #number(): number {
    do this.#nextNumber = (this.#nextNumber + 1) & 0x7fff_ffff;
    while (this.#pending.has((OWN_NUMBER | this.#nextNumber) >>> 0));
    return (OWN_NUMBER | this.#nextNumber) >>> 0;
  }
}

/**
 * The message is kept until it is answered. `Buffer.from` cuts small ones from a common slab, which costs a fraction of an
 * array buffer for each. A secret is not copied: there is one place to wipe.
 */
function encode<N extends OperationName>(name: N, client: number, args: ArgsOf<N>, isSecret: boolean): Uint8Array {
  const operation: Operation = operations[name];
  writer.reset();
  writer.u32(operation.code);
  writer.u32(client);
  operation.argsSchema.write(writer, args, '');
  const message = writer.message();
  return isSecret ? message : Buffer.from(message);
}
