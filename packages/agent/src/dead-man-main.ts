import { StorePath } from '@nixfleet/contracts';
import { type DetachedDeps, goBack, guard, runActivation } from './dead-man.ts';
import { fileSystem } from './file-system.ts';
import { ProfileSettings, ProfileSystem } from './profile-system.ts';
import { SwitchRecord } from './switch-record.ts';
import { systemClock } from './system-clock.ts';

// The detached half of the profile backend, started by the agent in a session of its own:
//   guard <directory>                       the dead man's switch
//   switch <directory> <closure> <seconds>  one activation
//   revert <directory> <closure>            going back, when the agent took that upon itself
// Settings come in the environment, so that going back needs no file to be written before.

const [mode, directory = '', closure = '', seconds = ''] = process.argv.slice(2);
const settings = ProfileSettings.parse(JSON.parse(process.env.NIXFLEET_PROFILE_SETTINGS ?? 'null'));
const deps: DetachedDeps = {
  record: new SwitchRecord(fileSystem, directory),
  system: new ProfileSystem(settings, systemClock),
  clock: systemClock,
};

switch (mode) {
  case 'guard':
    await guard(deps);
    break;
  case 'switch':
    await runActivation(deps, { closure: StorePath.parse(closure), timeoutMs: Number(seconds) * 1000 });
    break;
  case 'revert':
    await goBack(deps, StorePath.parse(closure));
    break;
  default:
    process.exitCode = 2;
}
