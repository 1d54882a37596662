# The options that modules declare, as a flat list of { name, type, default, description, example }, without nixpkgs.
let
  inherit (builtins)
    attrNames
    concatMap
    isFunction
    ;
  optionLib = import ./option-lib.nix;
  inherit (import ../lib) show;

  # Only `options` is looked at: what depends on a configuration is documented by its defaultText.
  declared =
    file:
    let
      module = import file;
      unknown = what: throw "${toString file}: the documentation of an option needs ${what}: give it a defaultText";
    in
    (
      if isFunction module then
        module {
          lib = optionLib;
          config = unknown "config";
          pkgs = unknown "pkgs";
          options = unknown "options";
        }
      else
        module
    ).options or { };

  text = value: if value._type or null == "literalExpression" then value.text else show.toNix value;

  documented =
    name: option:
    {
      inherit name;
      type = option.type.description;
      inherit (option) description;
    }
    // (if option ? defaultText || option ? default then { default = text (option.defaultText or option.default); } else { })
    // (if option ? example then { example = text option.example; } else { });

  # The options inside a type, under the name that nixpkgs gives them.
  inside =
    name: type:
    if type ? options then
      walk name type.options
    else if type ? of then
      inside "${name}.${type.placeholder}" type.of
    else
      [ ];

  walk =
    prefix: options:
    concatMap (
      key:
      let
        name = if prefix == "" then key else "${prefix}.${key}";
        entry = options.${key};
      in
      if entry._type or null == "option" then
        [ (documented name entry) ] ++ inside name entry.type
      else
        walk name entry
    ) (attrNames options);
in
file: walk "" (declared file)
