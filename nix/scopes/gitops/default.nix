# URL builders of forges. Data only; nothing is fetched.
let
  urlsFor = import ./urls-for.nix;
  gitea = {
    urlsFor = urlsFor {
      raw = { baseUrl, owner, repository, branch }: "${baseUrl}/${owner}/${repository}/raw/branch/${branch}";
    };
  };
in
{
  inherit gitea;
  forgejo = gitea;
  github = {
    # GitHub serves files from another host. On GitHub Enterprise say baseUrl, and use git.
    urlsFor = urlsFor {
      baseUrlDefault = "https://github.com";
      raw =
        { baseUrl, owner, repository, branch }:
        if baseUrl == "https://github.com" then
          "https://raw.githubusercontent.com/${owner}/${repository}/${branch}"
        else
          "${baseUrl}/raw/${owner}/${repository}/${branch}";
    };
  };
  gitlab = {
    urlsFor = urlsFor {
      baseUrlDefault = "https://gitlab.com";
      raw = { baseUrl, owner, repository, branch }: "${baseUrl}/${owner}/${repository}/-/raw/${branch}";
    };
  };
}
