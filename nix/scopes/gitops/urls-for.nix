# Where a forge serves the files of a branch, as plain data: for control planes and mirrors that read releases by HTTPS.
#
#   urlsFor { owner, repository, baseUrl ?, branch ? "releases", path ? "" }
#     → { releases = URL of releases/; git = URL to clone; }
{
  # { baseUrl, owner, repository, branch } → URL of the top of the branch.
  raw,
  baseUrlDefault ? null,
}:
{
  owner,
  repository,
  baseUrl ? baseUrlDefault,
  branch ? "releases",
  path ? "",
}:
let
  isBare = builtins.match "https://[^/?#@]+(/[^?#@]*[^/?#@])?" baseUrl != null;
in
if baseUrl == null then
  throw "urlsFor: baseUrl is missing: the forge's own address, such as https://git.example.org"
else if !isBare then
  throw "urlsFor: baseUrl ${baseUrl}: expected https:// and a host, without password and without / at the end"
else
  {
    releases =
      raw {
        inherit
          baseUrl
          owner
          repository
          branch
          ;
      }
      + (if path == "" then "" else "/${path}");
    git = "${baseUrl}/${owner}/${repository}.git";
  }
