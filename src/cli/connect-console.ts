/** Connects to the console of an HSM and makes sure that it is the right one. */

import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { ConfigError, systemErrorCode } from '#src/config/errors.ts';
import type { HsmEndpoint } from '#src/config/hsm-conf.ts';
import { ConsoleFailure, ExitStatus } from './exit-status.ts';
import { findKnownHsm, rememberHsm } from './known-hsms.ts';

/** Tells an appliance that TLS 1.3 would do; one that does not know the name takes TLS 1.2. */
const ALPN = 'dks-cty/1';
const CONNECT_TIMEOUT = 10_000;

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: is the HSM running and is the port in hsm.conf right?',
  EHOSTUNREACH: 'the host cannot be reached: is the address in hsm.conf right?',
  ENETUNREACH: 'the network cannot be reached: is the address in hsm.conf right?',
  ETIMEDOUT: 'no answer: is the HSM running and is the address in hsm.conf right?',
  ENOTFOUND: 'the host name is unknown: is <IP> in hsm.conf right?',
  EAI_AGAIN: 'the host name cannot be looked up at the moment',
  ECONNRESET: 'the connection was cut during the TLS handshake: is this the console port of an HSM?',
};

export interface ConsoleConnection {
  /** Nothing was sent yet; the HSM speaks only after the first byte. */
  readonly socket: TLSSocket;
  /** For the operator, e.g. that a new HSM was met. */
  readonly notices: readonly string[];
}

/**
 * @param hsmConf path of the hsm.conf that names the endpoint
 * @throws ConsoleFailure NO_CONNECTION; ConfigError
 */
export async function connectConsole(endpoint: HsmEndpoint, hsmConf: string): Promise<ConsoleConnection> {
  const socket = await openTls(endpoint);
  try {
    const notices = await checkFingerprint(endpoint, hsmConf, fingerprintOf(socket));
    return { socket, notices };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function openTls(endpoint: HsmEndpoint): Promise<TLSSocket> {
  const place = `${endpoint.ip} port ${endpoint.port}`;
  return new Promise((resolve, reject) => {
    const fail = (reason: string, cause?: Error): void => {
      socket.destroy();
      reject(
        new ConsoleFailure(ExitStatus.NO_CONNECTION, `cannot connect to the HSM at ${place}: ${reason}`, { cause }),
      );
    };
    const socket = connect({
      host: endpoint.ip,
      port: endpoint.port,
      // RFC 6066 section 3: addresses are not permitted as server names.
      ...(isIP(endpoint.servername) === 0 ? { servername: endpoint.servername } : {}),
      minVersion: 'TLSv1.2',
      ALPNProtocols: [ALPN],
      // The certificate is self-signed; its key is compared with the known fingerprint instead.
      rejectUnauthorized: false,
    });
    const timer = setTimeout(() => fail(REASONS['ETIMEDOUT'] ?? ''), CONNECT_TIMEOUT);
    const onError = (error: Error): void => {
      clearTimeout(timer);
      fail(REASONS[systemErrorCode(error) ?? ''] ?? error.message, error);
    };
    socket.once('error', onError);
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      socket.off('error', onError);
      // Whoever works with the connection hears of its end; an HSM that resets it right now must not end the program.
      socket.on('error', () => {});
      socket.setNoDelay(true);
      socket.setKeepAlive(true, 60_000);
      resolve(socket);
    });
  });
}

/** SHA-256 of the SubjectPublicKeyInfo, 64 lower-case hexadecimal digits: it survives a renewal of the certificate. */
function fingerprintOf(socket: TLSSocket): string {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    throw new ConsoleFailure(ExitStatus.NO_CONNECTION, 'the HSM showed no certificate');
  }
  return createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

async function checkFingerprint(endpoint: HsmEndpoint, hsmConf: string, actual: string): Promise<string[]> {
  if (endpoint.fingerprint !== undefined) {
    if (endpoint.fingerprint !== actual) throw mismatch(endpoint.fingerprint, actual, `<fingerprint> in ${hsmConf}`);
    return [];
  }
  const known = await findKnownHsm(hsmConf, endpoint);
  if (known.fingerprint !== undefined) {
    if (known.fingerprint !== actual)
      throw mismatch(known.fingerprint, actual, `the line of this HSM in ${known.path}`);
    return [];
  }
  const met = `The HSM at ${endpoint.ip} was not known. Compare its fingerprint with the one that dks-hsmd printed when it started:\n  ${actual}`;
  try {
    await rememberHsm(known, endpoint, actual);
    return [`${met}\nIt is now kept in ${known.path}.`];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [`${met}\nWARNING: it cannot be remembered. ${error.message}`];
  }
}

function mismatch(expected: string, actual: string, place: string): ConsoleFailure {
  return new ConsoleFailure(
    ExitStatus.NO_CONNECTION,
    `this is not the HSM that was expected; nothing was sent to it.\n  expected ${expected}\n  found    ${actual}\n` +
      `If the HSM was really re-installed or replaced, correct ${place}.`,
  );
}
