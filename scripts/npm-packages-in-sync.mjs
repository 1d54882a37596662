// Exits 0 when node_modules holds exactly what package-lock.json asks for, 1 when it does not. Plain JavaScript for
// Node 20: it runs before Node 24 is there. npm keeps a lockfile of what it installed inside node_modules.
import { readFileSync } from 'node:fs';

const INSTALLED_LOCKFILE = 'node_modules/.package-lock.json';

function packagesOf(path) {
  try {
    return new Map(Object.entries(JSON.parse(readFileSync(path, 'utf8')).packages ?? {}));
  } catch (error) {
    if (error.code === 'ENOENT') return new Map();
    throw error;
  }
}

const wanted = packagesOf('package-lock.json');
const installed = packagesOf(INSTALLED_LOCKFILE);

const stale = [...installed].some(([path, entry]) => {
  const lock = wanted.get(path);
  return lock === undefined || lock.version !== entry.version || lock.integrity !== entry.integrity;
});
const absent = [...wanted].some(([path, entry]) => path !== '' && !entry.optional && !installed.has(path));
process.exitCode = installed.size === 0 || stale || absent ? 1 : 0;
