# The type of the places that hold a copy of releases/.
lib:
let
  inherit (lib) mkOption types;
  orNull =
    description: example:
    mkOption {
      type = types.nullOr types.str;
      default = null;
      inherit description example;
    };
in
types.submodule {
  options = {
    kind = mkOption {
      type = types.enum [
        "git"
        "https"
        "directory"
      ];
      description = "What kind of place it is; it says which of the other options apply.";
      example = "git";
    };
    repository = orNull "`git`: anything that git fetches from." "https://git.example.org/fleet.git";
    branch = orNull "`git`: the branch; `releases` if unset." "releases";
    path = orNull "`git`: the folder of the branch; its top if unset. `directory`: where `releases/` is mounted." "/mnt/releases";
    url = orNull "`https`: the URL of `releases/`." "https://releases.example.org";
  };
}
