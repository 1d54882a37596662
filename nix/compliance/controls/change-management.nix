# What changed was written down, looked at by another person, and is what runs.
{
  many,
  measureWith,
  types,
  checks,
  ...
}:
let
  inherit (checks)
    at
    listAt
    want
    wantOf
    ;
  inherit (builtins) filter isString match;

  commit = config: at "compliance.release.revision" config;

  measure = measureWith "change/v1";
in
{
  controlId = "change-management";
  optionName = "changeManagement";
  title = "Change management";
  purpose = "Hosts change by reviewed commits only, and soon enough.";
  type = "both";
  schema = "change/v1";

  options.maxSystemAgeDays = {
    type = types.int {
      min = 1;
      max = 365;
    };
    default = 30;
    direction = "min";
    description = "Days after which a running system is too old.";
  };

  rules = [
    {
      id = "CM-01";
      name = "The system is built from a commit, with nothing uncommitted";
      severity = "standard";
      tags = [ "release" ];
      evaluate =
        { config, ... }:
        [
          (wantOf {
            option = "compliance.release.revision";
            what = null;
            observed =
              let
                revision = commit config;
              in
              isString revision && match "[0-9a-f]{40}|[0-9a-f]{64}" revision != null;
            expect = true;
            fix = "release from a git repository";
          })
          (want "compliance.release.isDirty" (at "compliance.release.isDirty" config) false // {
            fix = "commit what is changed, and release again";
          })
        ];
      remediation = "Release from a clean checkout of a git repository.";
    }
    {
      id = "CM-02";
      name = "Another person approved the commit";
      severity = "standard";
      tags = [ "release" ];
      evaluate =
        { config, ... }:
        let
          author = at "compliance.release.author" config;
        in
        [
          (want "compliance.release.author" (isString author && author != "") true // {
            fix = "let the release pass the author of the commit, as the forge says it";
          })
          (wantOf {
            option = "compliance.release.approvals";
            what = "of others than the author";
            observed = builtins.length (filter (name: name != author) (listAt "compliance.release.approvals" config));
            expect."$ge" = 1;
            fix = "have the change approved by another person at the forge";
          })
        ];
      remediation = "Have changes reviewed, and let the release pass the forge's record of it.";
    }
    {
      id = "CM-03";
      name = "What runs was released, and nothing was switched by hand";
      severity = "standard";
      tags = [ "release" ];
      check =
        _:
        measure {
          name = "closure";
          args = many "--look" [ "system" "profile" "units" ];
        };
      remediation = "Deploy by a release, and remove generations that were made on the host.";
    }
    {
      id = "CM-04";
      name = "Emergency changes are followed up";
      severity = "standard";
      tags = [ "release" ];
      # What followed an emergency change is not on the host; that there was one, the release says.
      isAttested = true;
      remediation = "Bring what was changed in an emergency into the reviewed source, and release it.";
    }
  ];
}
