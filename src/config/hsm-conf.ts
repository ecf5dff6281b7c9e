/** hsm.conf: where the clients find the HSM (manual 4.1). */

import { mkdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dirname, join } from 'node:path';
import { writeFileAtomically } from './atomic-write.ts';
import { ConfigError, systemErrorCode, systemErrorText } from './errors.ts';

/** `cty`: management console, `rpc`: PKCS#11. */
export type HsmConfPart = 'cty' | 'rpc';

export interface HsmEndpoint {
  /** IPv4 or IPv6 address without brackets, or a host name. */
  readonly ip: string;
  readonly port: number;
  /** Sent as TLS server name. */
  readonly servername: string;
  readonly serial: string;
  /** SHA-256 of the HSM's public key (SubjectPublicKeyInfo), 64 lower-case hexadecimal digits. Ours; the vendor's clients skip it. */
  readonly fingerprint?: string;
}

export type HsmConf = Readonly<Record<HsmConfPart, HsmEndpoint>>;

const FILE = 'hsm.conf';
const DEFAULT_FOLDER = '/etc/dkey/hsm';

/** Longest file that is read. Bytes. */
const MAX_FILE = 65_536;

const AS_IN_MANUAL = 'write it as the manual shows (Configure a client)';

const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$/;

/** The path of hsm.conf: in `folder`, else in `$DIAMOND_HSM_CONFIG_PATH`, else in /etc/dkey/hsm. */
export function hsmConfPath(folder?: string, environment: NodeJS.ProcessEnv = process.env): string {
  return join(folder ?? (environment['DIAMOND_HSM_CONFIG_PATH'] || DEFAULT_FOLDER), FILE);
}

/** Reads one part of hsm.conf. @throws ConfigError naming file and element */
export async function readHsmEndpoint(path: string, part: HsmConfPart): Promise<HsmEndpoint> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const advice =
      systemErrorCode(error) === 'ENOENT' ? ': name its folder with --config-path or DIAMOND_HSM_CONFIG_PATH' : '';
    throw new ConfigError(path, `cannot be read: ${systemErrorText(error)}${advice}`, { cause: error });
  });
  if (text.length > MAX_FILE) throw new ConfigError(path, 'is too long to be an hsm.conf');
  return parseHsmEndpoint(text, part, path);
}

/**
 * Reads one part from the text of hsm.conf. Accepts all that the vendor's substring search accepts, and also comments, white space
 * around values and in tags, attributes, entities and unknown elements. The first of several equal elements counts.
 * @param path for error messages
 * @throws ConfigError
 */
export function parseHsmEndpoint(text: string, part: HsmConfPart, path: string): HsmEndpoint {
  const withoutComments = text.replaceAll(/<!--[\s\S]*?-->/g, ' ');
  if (withoutComments.includes('<!--')) throw new ConfigError(path, 'a comment <!-- is not closed by -->');
  const section = elementContent(withoutComments, part);
  if (section === undefined)
    throw new ConfigError(path, `the element <${part}> is missing or not closed: ${AS_IN_MANUAL}`);

  const optional = (name: string): string | undefined => {
    const content = elementContent(section, name);
    return content === undefined ? undefined : decodeEntities(content.trim());
  };
  const invalid = (name: string, problem: string): ConfigError =>
    new ConfigError(path, `the element <${name}> in <${part}> ${problem}`);
  const required = (name: string): string => {
    const value = optional(name);
    if (value === undefined) throw invalid(name, `is missing or not closed: ${AS_IN_MANUAL}`);
    if (value === '') throw invalid(name, `is empty: ${AS_IN_MANUAL}`);
    if (value.length > 255 || /[\u0000-\u001f\u007f]/.test(value))
      throw invalid(name, 'is not a plain text of one line');
    return value;
  };

  const ip = required('IP').replace(/^\[(.*)\]$/, '$1');
  if (isIP(ip) === 0 && (!HOST_NAME.test(ip) || /^[\d.]+$/.test(ip))) {
    throw invalid('IP', `is neither an address nor a host name: ${ip}`);
  }
  const portText = required('port');
  const port = Number(portText);
  if (!/^\d{1,5}$/.test(portText) || port < 1 || port > 65_535) {
    throw invalid('port', `must be a number from 1 to 65535, not ${portText}`);
  }
  const endpoint = { ip, port, servername: required('servername'), serial: required('serial') };
  const fingerprint = optional('fingerprint')?.replaceAll(/[\s:]/g, '').toLowerCase();
  if (fingerprint === undefined || fingerprint === '') return endpoint;
  if (!/^[0-9a-f]{64}$/.test(fingerprint)) {
    throw invalid('fingerprint', 'must be a SHA-256 value: 64 hexadecimal digits, colons allowed');
  }
  return { ...endpoint, fingerprint };
}

/** Writes hsm.conf in the vendor's layout: CRLF between the lines, none after the last. */
export function formatHsmConf(conf: HsmConf): string {
  const part = (name: HsmConfPart): string[] => {
    const { ip, port, servername, serial, fingerprint } = conf[name];
    const element = (tag: string, value: string): string => `    <${tag}>${encodeEntities(value)}</${tag}>`;
    return [
      `  <${name}>`,
      element('IP', ip),
      element('port', String(port)),
      element('servername', servername),
      element('serial', serial),
      ...(fingerprint === undefined ? [] : [element('fingerprint', fingerprint)]),
      `  </${name}>`,
    ];
  };
  return [
    '<?xml version="1.0" encoding="utf-8" ?>',
    '<diamondhsm>',
    ...part('cty'),
    ...part('rpc'),
    '</diamondhsm>',
  ].join('\r\n');
}

/** Writes hsm.conf (mode 0644) and its folder, if that is missing. @throws ConfigError */
export async function writeHsmConf(path: string, conf: HsmConf): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o755 }).catch((error: unknown) => {
    throw new ConfigError(folder, `cannot be created: ${systemErrorText(error)}`, { cause: error });
  });
  await writeFileAtomically(path, formatHsmConf(conf), 0o644);
}

/** What stands between the first start tag of this name and the next end tag, `undefined` if either is missing. */
function elementContent(text: string, name: string): string | undefined {
  return new RegExp(`<${name}(?:\\s[^<>]*)?>([\\s\\S]*?)</${name}\\s*>`).exec(text)?.[1];
}

/** XML 1.0 section 4.6. Anything else with an ampersand stays, because the vendor's clients know no entities. */
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['&lt;', '<'],
  ['&gt;', '>'],
  ['&quot;', '"'],
  ['&apos;', "'"],
  ['&amp;', '&'],
]);

function decodeEntities(text: string): string {
  return text.replaceAll(/&(?:lt|gt|quot|apos|amp);/g, (entity) => ENTITIES.get(entity) ?? entity);
}

function encodeEntities(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
