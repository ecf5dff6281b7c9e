/** SLIP framing (RFC 1055) as libhal uses it (`slip.c`): END before and after every frame, receivers accept either alone. */

const END = 0xc0;
const ESC = 0xdb;
const ESC_END = 0xdc;
const ESC_ESC = 0xdd;

const NOTHING = new Uint8Array(0);

/** What a decoder reports about its input besides frames. */
export interface SlipProblem {
  /** `oversize`: the frame was longer than the limit and is dropped; `head` holds its first bytes (at most 8). */
  readonly kind: 'oversize';
  readonly head: Uint8Array;
}

/**
 * Cuts a byte stream into frames. Empty frames are skipped; an ESC before any byte but ESC_END and ESC_ESC makes that
 * byte literal; an ESC right before END is dropped and the escape state is reset at every END.
 *
 * Frames handed out may be views of the chunk that was pushed: copy what is kept.
 */
export class SlipDecoder {
  readonly #maxFrame: number;
  /** Decoded bytes of a frame whose end is still missing. */
  #partial = NOTHING;
  #length = 0;
  #escaped = false;
  #oversize = false;

  /** @param maxFrame longest decoded frame in bytes */
  constructor(maxFrame: number) {
    this.#maxFrame = maxFrame;
  }

  /** Decoded bytes of the unfinished frame, 0 between frames. */
  get pending(): number {
    return this.#length;
  }

  /** Feeds a chunk; calls `onFrame` for every frame completed by it, in order. */
  push(chunk: Uint8Array, onFrame: (frame: Uint8Array) => void, onProblem?: (problem: SlipProblem) => void): void {
    let escape = chunk.indexOf(ESC);
    let position = 0;
    while (position < chunk.length) {
      const end = chunk.indexOf(END, position);
      const stop = end < 0 ? chunk.length : end;
      if (escape >= 0 && escape < position) escape = chunk.indexOf(ESC, position);
      // A plain Uint8Array even if the chunk is a Buffer, whose `slice` would not copy.
      const raw = new Uint8Array(chunk.buffer, chunk.byteOffset + position, stop - position);
      const literal = escape < 0 || escape >= stop;
      if (end >= 0 && literal && this.#idle && raw.length <= this.#maxFrame) {
        if (raw.length > 0) onFrame(raw);
      } else {
        this.#append(raw);
        if (end >= 0) this.#finish(onFrame, onProblem);
      }
      position = stop + 1;
    }
  }

  /** Between frames. */
  get #idle(): boolean {
    return this.#length === 0 && !this.#escaped;
  }

  #append(raw: Uint8Array): void {
    this.#reserve(Math.min(this.#length + raw.length, this.#maxFrame));
    const limit = this.#partial.length < this.#maxFrame ? this.#partial.length : this.#maxFrame;
    const length = raw.length;
    for (let i = 0; i < length; i++) {
      let byte = raw[i] as number;
      if (this.#escaped) {
        this.#escaped = false;
        if (byte === ESC_END) byte = END;
        else if (byte === ESC_ESC) byte = ESC;
      } else if (byte === ESC) {
        this.#escaped = true;
        continue;
      }
      if (this.#length >= limit) {
        this.#oversize = true;
        return;
      }
      this.#partial[this.#length++] = byte;
    }
  }

  #reserve(size: number): void {
    if (this.#partial.length >= size) return;
    const grown = new Uint8Array(Math.min(this.#maxFrame, Math.max(size, 2 * this.#partial.length, 256)));
    grown.set(this.#partial.subarray(0, this.#length));
    this.#partial = grown;
  }

  #finish(onFrame: (frame: Uint8Array) => void, onProblem?: (problem: SlipProblem) => void): void {
    const frame = this.#partial.subarray(0, this.#length);
    const oversize = this.#oversize;
    this.#partial = NOTHING;
    this.#length = 0;
    this.#escaped = false;
    this.#oversize = false;
    if (oversize) onProblem?.({ kind: 'oversize', head: frame.slice(0, 8) });
    else if (frame.length > 0) onFrame(frame);
  }
}

/** Collects encoded frames so that a batch leaves in one write. */
export class SlipEncoder {
  // Grows with use: a thousand idle connections would otherwise keep a thousand empty buffers.
  #buffer = NOTHING;
  #length = 0;
  readonly #leadingEnds: number;
  readonly #allocate: (size: number) => Uint8Array;

  /**
   * @param leadingEnds ENDs in front of a frame: 1 as clients and devices send, 2 as the vendor's appliance does
   * @param allocate memory for {@link take}, all of it is overwritten: `Buffer.allocUnsafe` saves an array buffer for each small batch
   */
  constructor(leadingEnds = 1, allocate: (size: number) => Uint8Array = (size) => new Uint8Array(size)) {
    this.#leadingEnds = leadingEnds;
    this.#allocate = allocate;
  }

  /** Encoded bytes waiting in {@link take}. */
  get length(): number {
    return this.#length;
  }

  /** Adds a lone END, which receivers ignore. */
  appendEnd(): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = END;
  }

  /** Adds one frame: END(s), escaped payload, END. */
  append(payload: Uint8Array): void {
    this.#reserve(2 * payload.length + this.#leadingEnds + 1);
    for (let i = 0; i < this.#leadingEnds; i++) this.#buffer[this.#length++] = END;
    this.#length = putEscaped(payload, this.#buffer, this.#length);
    this.#buffer[this.#length++] = END;
  }

  /** Hands over everything collected and starts again; no copy is left here. */
  take(): Uint8Array {
    const taken = this.#allocate(this.#length);
    taken.set(this.#buffer.subarray(0, this.#length));
    this.#buffer.fill(0, 0, this.#length);
    this.#length = 0;
    // One large reply must not keep its buffer for the life of the connection.
    if (this.#buffer.length > 65_536) this.#buffer = NOTHING;
    return taken;
  }

  #reserve(extra: number): void {
    const size = this.#length + extra;
    if (this.#buffer.length >= size) return;
    const grown = new Uint8Array(Math.max(size, 2 * this.#buffer.length, 256));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer.fill(0, 0, this.#length);
    this.#buffer = grown;
  }
}

/** Encodes one frame: END, escaped payload, END. The result is the only copy, so that a caller can wipe it. */
export function encodeFrame(payload: Uint8Array): Uint8Array {
  let length = payload.length + 2;
  for (const byte of payload) if (byte === END || byte === ESC) length += 1;
  const frame = new Uint8Array(length);
  frame[0] = END;
  putEscaped(payload, frame, 1);
  frame[length - 1] = END;
  return frame;
}

/** Writes an escaped payload to `at`; the buffer has room for it. Returns the place behind it. */
function putEscaped(payload: Uint8Array, buffer: Uint8Array, at: number): number {
  const length = payload.length;
  let end = at;
  for (let i = 0; i < length; i++) {
    const byte = payload[i] as number;
    if (byte === END) {
      buffer[end++] = ESC;
      buffer[end++] = ESC_END;
    } else if (byte === ESC) {
      buffer[end++] = ESC;
      buffer[end++] = ESC_ESC;
    } else {
      buffer[end++] = byte;
    }
  }
  return end;
}
