# What every closure of a Mac with an agent contains, as data without nixpkgs: the dead man's switch, the job that picks up
# after a boot, and the agent's own job. agent-units.nix is the same for NixOS; docs/agent.md says what depends on it.
{
  # The program `nixfleet`.
  nixfleet,
  configFile ? "/etc/nixfleet/agent.json",
  stateDirectory ? "/var/lib/nixfleet-agent",
  # What the dead man's switch runs with: a POSIX shell, and a PATH with coreutils (GNU's), grep, sed and the system's own programs.
  shell ? "/bin/sh",
  searchPath,
}:
let
  # launchd orders no jobs: the agent waits this long for the one that picks up after a boot, in seconds.
  recoverSecondsMax = 60;
  recovered = "/var/run/nixfleet-recovered";
  # Neither the system's profile nor anything of the store is there before its volume is.
  afterStore = command: [
    "/bin/sh"
    "-c"
    "/bin/wait4path /nix/store && ${command}"
  ];
  quoted = text: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] text}'";
in
rec {
  # Where it has to lie in the closure: a newer agent looks for it there.
  deadManPath = "etc/nixfleet/dead-man";

  # The text of that file, to be made executable.
  deadMan = ''
    #!${shell}
    PATH=${searchPath}
    export PATH
  ''
  + builtins.readFile ./dead-man-record.sh
  + builtins.readFile ./dead-man-darwin.sh;

  logFile = "/var/log/nixfleet-agent.log";

  # As `launchd.daemons.<name>.serviceConfig` of nix-darwin has them.
  daemons.nixfleet-recover = {
    # The agent looks for this name in a closure before it switches to it.
    Label = "org.nixos.nixfleet-recover";
    # Of what is activated by itself: at a boot nothing else has been confirmed.
    ProgramArguments = afterStore "exec /nix/var/nix/profiles/system/${deadManPath} recover ${quoted "${stateDirectory}/switch"}";
    RunAtLoad = true;
    StandardErrorPath = logFile;
  };

  daemons.nixfleet-agent = {
    Label = "org.nixos.nixfleet-agent";
    ProgramArguments = afterStore ''
      n=0
      while [ ! -e ${recovered} ] && [ "$n" -lt ${toString recoverSecondsMax} ]; do sleep 1; n=$((n + 1)); done
      mkdir -p -m 0700 ${quoted stateDirectory} &&
      exec ${nixfleet}/bin/nixfleet agent run --config ${configFile}'';
    RunAtLoad = true;
    # A machine that reaches nobody keeps trying for as long as it runs.
    KeepAlive = true;
    ThrottleInterval = 5;
    ExitTimeOut = 30;
    # Not slowed down when nobody looks: confirming has a deadline.
    ProcessType = "Standard";
    StandardErrorPath = logFile;
  };

  # newsyslog.conf(5): 10 MB each, five of them, compressed.
  logRotation = "${logFile} 640 5 10240 * J\n";
}
