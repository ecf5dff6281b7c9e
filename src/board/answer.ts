/** The appliance's requests to a board, and the answers put together from the vendor's functions. */

import { type Duplex } from 'node:stream';
import { Limits, type User } from '#src/wire/enumerations.ts';
import {
  type ArgsOf,
  decodeArgs,
  encodeError,
  encodeReply,
  type Header,
  readHeader,
  type ResultsOf,
} from '#src/wire/message.ts';
import { type OperationName, operationOf } from '#src/wire/operations.ts';
import { encodeFrame, SlipDecoder } from '#src/wire/slip.ts';
import { HalError, HalStatus, WireError } from '#src/wire/status.ts';
import { sign, verify } from './board-signatures.ts';
import { type Board } from './board.ts';
import { type BoardConnection } from './connections.ts';
import { forwarded, forwardedFunctions } from './forwarding.ts';
import { type RoleClient } from './role-client.ts';

/** Bits of user, so and wheel. */
const ALL_PINS = 0b1110;

type Handler<N extends OperationName> = (
  board: Board,
  connection: BoardConnection,
  args: ArgsOf<N>,
) => Promise<ResultsOf<N>> | ResultsOf<N>;

type Handlers = { readonly [N in OperationName]?: Handler<N> };

/** Runs a task as the role of a connection that may use keys, when its turn comes. */
function asKeyUser<T>(board: Board, connection: BoardConnection, task: (role: RoleClient) => Promise<T>): Promise<T> {
  const role = board.logins.keyUser(connection);
  return role.inTurn(() => task(role));
}

const handlers: Handlers = {
  async DEVICE_STATUS(board) {
    await board.checkAlive();
    const { keys, connections, masterKey } = board;
    return {
      masterKey: masterKey.state,
      tokenKeys: keys.tokenKeys,
      volatileKeys: connections.sessionKeys,
      logins: connections.logins,
      // A board tells neither.
      userFailures: 0,
      soFailures: 0,
      pinsSet: ALL_PINS,
    };
  },
  async LOGIN(board, connection, { user, pin }) {
    await board.logins.login(connection.number, user as User, pin);
    return {};
  },
  async LOGOUT(board, connection) {
    await board.logins.logout(connection);
    return {};
  },
  async SET_PIN(board, connection, { user, pin }) {
    await board.logins.setPin(connection, user as User, pin);
    return {};
  },
  IS_LOGGED_IN(_board, connection, { user }) {
    if (connection.user !== user) throw new HalError('FORBIDDEN');
    return {};
  },
  LOGIN_TICKET: (board, connection) => ({
    user: connection.user,
    ticket: board.connections.issueTicket(connection),
  }),
  LOGIN_RESUME(board, connection, { user, ticket }) {
    board.connections.redeemTicket(connection, user as User, ticket);
    return {};
  },
  KEY_LIST: (board, connection, args) => asKeyUser(board, connection, (role) => board.keys.list(role, args)),
  KEY_PAIR_CREATE: (board, connection, args) =>
    board.keys.createPair(board.logins.keyUser(connection), connection, args),
  KEY_LOAD: (board, connection, args) =>
    asKeyUser(board, connection, async (role) => ({ loaded: await board.keys.load(role, connection, args) })),
  async KEY_DELETE(board, connection, { keys }) {
    for (const key of keys) board.connections.checkSees(connection, key);
    await asKeyUser(board, connection, (role) => board.keys.delete(role, keys));
    return {};
  },
  async KEY_SET_ATTRIBUTES(board, connection, args) {
    board.connections.checkSees(connection, args.key);
    const attributes = await asKeyUser(board, connection, (role) => board.keys.setAttributes(role, args));
    return { attributes };
  },
  async KEY_SIGN(board, connection, args) {
    board.connections.checkSees(connection, args.key);
    return { signature: await asKeyUser(board, connection, (role) => sign(role, board.keys.facts, args)) };
  },
  async KEY_VERIFY(board, connection, args) {
    board.connections.checkSees(connection, args.key);
    await asKeyUser(board, connection, (role) => verify(role, board.keys.facts, args));
    return {};
  },
};

/** The table for a name that is known at run time only: arguments and results are those of that name. */
const handlersByName = handlers as Partial<Record<OperationName, Handler<OperationName>>>;

/** Functions whose arguments are secret: the request is wiped as soon as it is answered. */
const SECRET = new Set<OperationName>(['LOGIN', 'SET_PIN', 'KEY_LOAD', 'PKEY_LOAD']);

/** Answers what arrives on the stream until it ends. */
export function answerBoardRequests(board: Board, stream: Duplex): void {
  const decoder = new SlipDecoder(Limits.ownMessage);
  stream.on('data', (chunk: Uint8Array) => {
    decoder.push(chunk, (frame) => {
      // Copied: it is used long after the chunk.
      const request = frame.slice();
      const header = readHeader(request);
      if (!header) return;
      void answer(board, header, request).then((reply) => {
        if (!stream.destroyed && stream.writable) stream.write(encodeFrame(reply));
      });
    });
    // A copy of what was sent, with a PIN perhaps.
    chunk.fill(0);
  });
}

async function answer(board: Board, header: Header, request: Uint8Array): Promise<Uint8Array> {
  const name = operationOf(header.code);
  try {
    if (name === undefined) throw new HalError('RPC_BAD_FUNCTION');
    if (Object.hasOwn(forwardedFunctions, name)) return await forwarded(board, name, header, request);
    const handler = handlersByName[name];
    if (!handler) throw new HalError('NOT_IMPLEMENTED', `${name} on a board`);
    const args = decodeArgs(name, request);
    // Vendor functions have the connection in the client word, ours in their first argument.
    const number = 'connection' in args ? args.connection : header.client;
    const results = await handler(board, board.connections.get(number), args);
    return encodeReply(name, header.client, results);
  } catch (error) {
    return failure(board, header, name, error);
  } finally {
    if (name !== undefined && SECRET.has(name)) request.fill(0);
  }
}

/** The one place where errors become statuses. */
function failure(board: Board, { code, client }: Header, name: string | undefined, error: unknown): Uint8Array {
  board.masterKey.note(error);
  if (error instanceof HalError || error instanceof WireError) {
    board.log.debug(`${board.name}: ${name}: ${error.message}`);
    return encodeError(code, client, error.status);
  }
  board.log.error(`${board.name}: ${name}: ${error instanceof Error ? error.message : String(error)}`);
  return encodeError(code, client, HalStatus.IO_UNEXPECTED);
}
