// Licence and source of everything that is linked or served: crates from `cargo metadata`, packages of the
// web UI's bundle from its lock file. A licence that is not in the list, or a source that is not the
// registry, is a fault; the list is short on purpose, whoever extends it has read the licence.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const ALLOWED = new Set([
  'MIT', 'MIT-0', 'Apache-2.0', 'Apache-2.0 WITH LLVM-exception', 'BSD-1-Clause', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MPL-2.0',
  'Unicode-3.0', 'Zlib', 'CC0-1.0', 'Unlicense', '0BSD', 'BSL-1.0', 'OFL-1.1', 'CDLA-Permissive-2.0',
]);
const REGISTRY = 'registry+https://github.com/rust-lang/crates.io-index';

/** Evaluates an SPDX expression; the old form MIT/Apache-2.0 means OR. */
export function isAllowed(expression) {
  const tokens = expression.replaceAll('/', ' OR ').match(/\(|\)|[^\s()]+/g) ?? [];
  let at = 0;
  const one = () => {
    if (tokens[at] === '(') {
      at += 1;
      const inner = either();
      at += 1;
      return inner;
    }
    let name = tokens[at++];
    if (tokens[at] === 'WITH') {
      name = `${name} WITH ${tokens[at + 1]}`;
      at += 2;
    }
    return ALLOWED.has(name);
  };
  const both = () => {
    let value = one();
    while (tokens[at] === 'AND') {
      at += 1;
      value = one() && value;
    }
    return value;
  };
  const either = () => {
    let value = both();
    while (tokens[at] === 'OR') {
      at += 1;
      value = both() || value;
    }
    return value;
  };
  const value = either();
  return tokens.length > 0 && at === tokens.length && value;
}

const faults = [];
for (const [expression, expected] of [['MIT OR GPL-3.0', true], ['GPL-3.0', false], ['(MIT OR X) AND ISC', true], ['MIT AND GPL-3.0', false], ['MIT/X', true], ['', false], ['MIT MIT', false]]) {
  if (isAllowed(expression) !== expected) faults.push(`this script: ${expression || 'nothing'} is taken for ${!expected}`);
}

const text = execFileSync('cargo', ['metadata', '--format-version', '1', '--locked'], { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
const { packages } = JSON.parse(text);
for (const { name, version, license, source } of packages) {
  if (source !== null && source !== REGISTRY) faults.push(`${name} ${version} comes from ${source}`);
  if (!isAllowed(license ?? '')) faults.push(`${name} ${version} has the licence ${license ?? '(none)'}`);
}

const lock = JSON.parse(readFileSync(new URL('../frontend/package-lock.json', import.meta.url), 'utf8'));
const bundled = Object.entries(lock.packages).filter(([path, entry]) => path.startsWith('node_modules/') && !entry.dev && !entry.link);
for (const [path, entry] of bundled) {
  const name = `${path.slice('node_modules/'.length)} ${entry.version}`;
  if (entry.resolved && !entry.resolved.startsWith('https://registry.npmjs.org/')) faults.push(`${name} comes from ${entry.resolved}`);
  if (!entry.integrity) faults.push(`${name} has no integrity hash in the lock file`);
  if (!isAllowed(entry.license ?? '')) faults.push(`${name} has the licence ${entry.license ?? '(none)'}`);
}

for (const fault of faults) console.error(fault);
console.log(`${packages.length} crates, ${bundled.length} packages of the web UI, ${faults.length} faults`);
process.exit(faults.length > 0 ? 1 : 0);
