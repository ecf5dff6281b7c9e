/** What the recipes find on their machine. */

import { join } from 'node:path';

import { type HsmEndpoint, writeHsmConf } from '#src/config/hsm-conf.ts';
import { runProgram } from '../../scripts/quickstart/run-program.ts';
import type { Appliance, Secrets } from '../appliance.ts';
import { CONFIG_FOLDER, type Machine, MODULE_PATH } from './machine.ts';
import { MODULE } from './pkcs11-host.ts';

/** What docs/programs/conventions.md promises. */
export const PREAMBLE = `
trap '[ $? = 0 ] || tail -n 20 /srv/hsm/*.log >&2' EXIT
export MODULE=${MODULE_PATH} URI='pkcs11:token=Cryptech%20Token'
export PIN=$(cat /etc/dkey/user-pin) SO_PIN=$(cat /etc/dkey/so-pin)
mkdir -p /srv/hsm && chmod 755 /srv/hsm && cd /srv/hsm
`;

/** The tools with the names of BIND's. */
const KEY_TOOLS = ['pkcs11-keygen', 'pkcs11-list', 'pkcs11-destroy', 'pkcs11-tokens'] as const;

/** The machine's npm asks the registry that ours asks, and trusts whom ours trusts. */
export async function npmSettings(machine: Machine): Promise<string> {
  const { stdout } = await runProgram('npm', ['config', 'get', 'registry']);
  const authorities = process.env['NODE_EXTRA_CA_CERTS'];
  if (authorities !== undefined) machine.install(authorities, '/etc/ssl/registry.pem');
  const trust = authorities === undefined ? '' : ' NODE_EXTRA_CA_CERTS=/etc/ssl/registry.pem';
  return `export npm_config_registry='${stdout.trim()}'${trust}\n`;
}

/**
 * Gives the machine the library, the tools, hsm.conf and the PINs.
 * @param ip where the machine reaches the appliance
 */
export async function equip(machine: Machine, appliance: Appliance, secrets: Secrets, ip = '127.0.0.1'): Promise<void> {
  machine.install(MODULE, MODULE_PATH);
  for (const tool of KEY_TOOLS) machine.install(join(MODULE, '..', tool), `/usr/bin/${tool}`);
  machine.write('/etc/dkey/user-pin', secrets.userPin, 0o600);
  machine.write('/etc/dkey/so-pin', secrets.soPin, 0o600);
  const { serial, fingerprint } = appliance;
  const endpoint = (port: number): HsmEndpoint => ({ ip, port, servername: 'dks-hsm', serial, fingerprint });
  await writeHsmConf(join(machine.root, CONFIG_FOLDER, 'hsm.conf'), {
    cty: endpoint(appliance.consolePort),
    rpc: endpoint(appliance.rpcPort),
  });
}
