/** `settings.json`: keys, types and defaults are those of the vendor; ours begin with `x_`, or are in camel case. */

import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from './atomic-write.ts';
import { ConfigError, systemErrorCode, systemErrorText } from './errors.ts';

const FILE = 'settings.json';

/** The main prompt: the manual's (sections 3.6 to 4.2) and the one that the vendor's software really writes. */
const PROMPTS = ['Diamond-HSM > ', 'Diamond HSM> '] as const;

const ipv4 = z.ipv4();

/** `true` or null: all, `false`: none, a list of addresses, or a range. */
const firewall = z.union([z.boolean(), z.null(), z.array(ipv4), z.object({ from: ipv4, to: ipv4 })]);

/** Every setting that is known, each with its default. */
const fields = {
  ENABLE_EXPORTABLE_PRIVATE_KEYS: z.boolean().default(false),
  IP_ADDRESS_SETTINGS: z.enum(['DHCP', 'STATIC_IP']).default('DHCP'),
  STATICIP_IPADDR: ipv4.default('10.10.10.2'),
  STATICIP_NETMASK: ipv4.default('255.255.255.0'),
  STATICIP_GATEWAY: ipv4.default('10.10.10.1'),
  STATICIP_BROADCAST: ipv4.default('10.10.10.255'),
  ENABLE_KEY_EXPORT: z.boolean().default(false),
  ZERO_CONFIG_ENABLED: z.boolean().default(true),
  DATA_FIREWALL_SETTINGS: firewall.default(true),
  MGMT_FIREWALL_SETTINGS: firewall.default(true),
  WEB_FIREWALL_SETTINGS: firewall.default(true),
  MASTERKEY_SET: z.boolean().default(false),
  HSM_RESET_NORMALLY: z.boolean().default(false),
  /** Answer exactly as the vendor's appliance also where it departs from its documentation; read at the start. */
  strictVendor: z.boolean().default(false),
  /** C_InitToken destroys all keys. Without it the keys stay: a program must not be able to end a PKI by mistake. */
  initTokenErasesKeys: z.boolean().default(false),
  /** The rules of separation of keys beyond those of PKCS#11; this one and the next two are read at the start. */
  keySeparation: z.enum(['strict', 'standard']).default('strict'),
  /** MD5, SHA-1 in signatures, RSA below 2048 bits. */
  legacyMechanisms: z.boolean().default(true),
  /** C_CreateObject takes private and secret keys. */
  plaintextImport: z.boolean().default(true),
  x_prompt: z.enum(PROMPTS).default(PROMPTS[0]),
  /** Minutes without a key press after which the console is closed; 0: never. */
  x_console_idle_minutes: z.number().min(0).max(10_080).default(0),
  /** Ask for the master key at the first login of every start, even if it is still set (manual 3.6). */
  x_masterkey_always_ask: z.boolean().default(true),
  /** Ask for the wheel password again also where the manual does not demand it. */
  x_reauth_extended: z.boolean().default(true),
  /** Warn before a master key is set that does not fit the stored keys. */
  x_mkcv: z.boolean().default(true),
  /** An IANA time zone; absent: UTC. */
  x_time_zone: z.string().refine(isTimeZone, 'is not a time zone').optional(),
} as const;

type SettingFields = typeof fields;
export type SettingName = keyof SettingFields;
export type SettingValues = { readonly [K in SettingName]: z.output<SettingFields[K]> };

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name }).format();
    return true;
  } catch {
    return false;
  }
}

export class Settings {
  /** What was wrong with the file, for the log and the console; `undefined` if nothing was. */
  readonly problem: string | undefined;
  readonly #path: string;
  #content: Record<string, unknown>;
  #values: SettingValues;
  /** Saves run one after the other, so that an older content never replaces a newer one. */
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string, content: Record<string, unknown>, values: SettingValues, problem?: string) {
    this.#path = path;
    this.#content = content;
    this.#values = values;
    this.problem = problem;
  }

  /**
   * Reads the settings of a state folder. A damaged file is renamed aside and replaced by defaults, see {@link problem}.
   * @throws ConfigError if the file can be neither read nor replaced
   */
  static async open(stateFolder: string): Promise<Settings> {
    const path = join(stateFolder, FILE);
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw new ConfigError(path, `cannot be read: ${systemErrorText(error)}`, { cause: error });
    });
    const { content, values, problems } = check(text === undefined ? {} : parseObject(text));
    if (problems.length === 0) return new Settings(path, content, values);

    const aside = `${path}.damaged-${new Date().toISOString().replaceAll(/[:.]/g, '')}`;
    await rename(path, aside).catch((error: unknown) => {
      throw new ConfigError(path, `is damaged and cannot be renamed: ${systemErrorText(error)}`, { cause: error });
    });
    const problem = `${path} was damaged (${problems.join('; ')}): defaults are used, the old file is ${aside}`;
    const settings = new Settings(path, content, values, problem);
    await settings.#save();
    return settings;
  }

  get<K extends SettingName>(name: K): SettingValues[K] {
    return this.#values[name];
  }

  /** Changes settings and writes the file. @throws ConfigError; the change is then undone */
  async set(changes: Partial<SettingValues>): Promise<void> {
    const before = { content: this.#content, values: this.#values };
    this.#content = { ...this.#content, ...changes };
    this.#values = { ...this.#values, ...changes };
    try {
      await this.#save();
    } catch (error) {
      this.#content = before.content;
      this.#values = before.values;
      throw error;
    }
  }

  async #save(): Promise<void> {
    const save = this.#saving.then(() =>
      writeFileAtomically(this.#path, `${JSON.stringify({ ...this.#values, ...this.#content }, null, 2)}\n`, 0o600),
    );
    this.#saving = save.catch(() => undefined);
    return save;
  }
}

function parseObject(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return 'not JSON';
  }
}

/** Keeps what is good: unknown keys as they are, wrong values of known keys replaced by their defaults. */
function check(json: unknown): { content: Record<string, unknown>; values: SettingValues; problems: string[] } {
  const problems: string[] = [];
  const isObject = typeof json === 'object' && json !== null && !Array.isArray(json);
  if (!isObject) problems.push('it is not a JSON object');
  const content: Record<string, unknown> = isObject ? { ...json } : {};
  const values: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const result = field.safeParse(content[name]);
    if (result.success) {
      values[name] = result.data;
    } else {
      problems.push(`${name} has an unusable value`);
      delete content[name];
      values[name] = field.parse(undefined);
    }
  }
  // The loop has filled in every field with its own parsed value.
  return { content, values: values as SettingValues, problems };
}
