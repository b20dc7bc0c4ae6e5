// Writes aws.json, google.json and azurerm.json: the schemas of the resources
// that wanted.json names, in the form of `terraform providers schema -json`.
//
// They are read from the bindings that CDK for Terraform generated from the
// real providers' schemas, unpacked below the directory given. The bindings
// carry names, types, nesting and what is required. They do not say which
// optional attributes are computed as well: wanted.json does, as far as the
// modules read them. Usage: node extract.mjs DIR, as in `make schemas`.

import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const wanted = JSON.parse(readFileSync(join(here, "wanted.json"), "utf8"));

const kebab = (name) => name.replaceAll("_", "-");
const capital = (name) => name[0].toUpperCase() + name.slice(1);

// Binding is the generated code of one resource.
class Binding {
  constructor(dir, alsoComputed) {
    this.js = readFileSync(join(dir, "index.js"), "utf8");
    this.types = readFileSync(join(dir, "index.d.ts"), "utf8");
    this.alsoComputed = new Set(alsoComputed);
  }

  // root is the block of the resource, data source or provider itself.
  root() {
    const found = this.js.match(/\nclass (\w+) extends cdktf\.Terraform(Resource|DataSource|Provider) \{([\s\S]*?)\n\}\n/);
    return this.block(found[3], "this._", `${found[1]}Config`);
  }

  // nested is the block of a structure that the code calls fn's.
  nested(fn) {
    const code = this.js.match(new RegExp(`\\nfunction ${fn}HclTerraform\\(struct\\) \\{([\\s\\S]*?)\\n\\}\\n`))?.[1] ?? "";
    return this.block(code + this.reference(capital(fn.replace(/To$/, ""))), "struct.", capital(fn.replace(/To$/, "")));
  }

  // reference is the class by which a structure's attributes are read.
  reference(name) {
    return this.js.match(new RegExp(`\\nclass ${name}OutputReference extends cdktf\\.ComplexObject \\{([\\s\\S]*?)\\n\\}\\n`))?.[1] ?? "";
  }

  // block reads what can be set from the attributes that the code writes, and
  // what can only be read from its getters.
  block(code, prefix, config) {
    const attributes = {}, block_types = {};
    const required = this.required(config);
    const entry = /\n            (\w+): \{\n\s+value: (.*),\n\s+isBlock: (\w+),\n\s+type: "(\w+)",\n\s+storageClassType: "(\w+)",/g;
    const nestedEntry = /\n        (\w+): \{\n\s+value: (.*),\n\s+isBlock: (\w+),\n\s+type: "(\w+)",\n\s+storageClassType: "(\w+)",/g;
    for (const [, name, value, isBlock, type, storage] of code.matchAll(prefix === "struct." ? nestedEntry : entry)) {
      const field = value.match(new RegExp(`${prefix.replace(".", "\\.")}(\\w+)`))[1];
      const fn = value.match(/(\w+)HclTerraform(?:, \w+)?\)?\((?:this|struct)/)?.[1];
      const complex = fn && !/^(string|number|boolean|any)To$/.test(fn);
      const must = required.has(field);
      if (isBlock === "true") {
        const single = type === "struct";
        block_types[name] = { nesting_mode: single ? "single" : type, block: this.nested(fn) };
        if (!single && must) block_types[name].min_items = 1;
        if (!single && new RegExp(`new \\w+OutputReference\\(this, "${name}"`).test(code)) block_types[name].max_items = 1;
        continue;
      }
      attributes[name] = { type: complex ? [type, this.object(fn)] : plain(type, storage) };
      if (must) attributes[name].required = true;
      else attributes[name].optional = true;
      if (!must && (complex || this.alsoComputed.has(name))) attributes[name].computed = true;
    }
    for (const [name, type] of this.getters(code)) {
      if (!attributes[name] && !block_types[name]) attributes[name] = { type, computed: true };
    }
    return { attributes, block_types };
  }

  // required are the fields of a configuration that have to be set.
  required(config) {
    const body = this.types.match(new RegExp(`export interface ${config} [^{]*\\{([\\s\\S]*?)\\n\\}`))?.[1] ?? "";
    return new Set([...body.matchAll(/\n    readonly (\w+): /g)].map((m) => m[1]));
  }

  *getters(code) {
    const scalar = { String: "string", Number: "number", Boolean: "bool", StringMap: ["map", "string"], List: ["list", "string"], NumberList: ["list", "number"] };
    for (const [, set, kind, name] of code.matchAll(/return (cdktf\.Fn\.tolist\()?(?:cdktf\.Token\.asNumberList\()?this\.get(String|Number|Boolean|StringMap|List|NumberList)Attribute\('([\w]+)'\)/g)) {
      yield [name, set ? ["set", "string"] : scalar[kind]];
    }
    for (const [, struct, name, set] of code.matchAll(/this\._\w+ = new (\w+?)(?:List|OutputReference)\(this, "(\w+)"(?:, (\w+))?\)/g)) {
      yield [name, [set === "true" ? "set" : "list", ["object", Object.fromEntries(this.getters(this.reference(struct)))]]];
    }
  }

  // object is the type of an attribute that has a structure.
  object(fn) {
    const types = {};
    for (const [name, attribute] of Object.entries(this.nested(fn).attributes)) types[name] = attribute.type;
    return ["object", types];
  }
}

function plain(type, storage) {
  const element = { string: "string", number: "number", boolean: "bool", stringList: "string", numberList: "number", booleanList: "bool", stringMap: "string", anyMap: "string", booleanMap: "bool", any: "dynamic" }[storage];
  if (!element) throw new Error(`unknown storage class ${storage}`);
  return type === "simple" ? element : [type, element];
}

for (const [name, want] of Object.entries(wanted)) {
  const lib = join(process.argv[2], name, "lib");
  const schema = (dir, computed = want.also_computed) => ({ version: 0, block: new Binding(join(lib, dir), computed).root() });
  const all = (names, prefix) => Object.fromEntries(names.map((n) => [`${name}_${n}`, schema(prefix + kebab(n))]));
  const version = JSON.parse(readFileSync(join(process.argv[2], name, "package.json"), "utf8")).cdktf.provider.version;
  const provider = schema("provider", []);
  delete provider.block.attributes.alias; // Terraform's own
  // One schema a line, so that a diff names what changed.
  const lines = (schemas) => "{\n" + Object.entries(schemas).map(([n, s]) => `${JSON.stringify(n)}: ${JSON.stringify(s)}`).join(",\n") + "\n}";
  writeFileSync(join(here, `${name}.json`), `{
"version": ${JSON.stringify(version)},
"provider": ${JSON.stringify(provider)},
"resource_schemas": ${lines(all(want.resources, ""))},
"data_source_schemas": ${lines(all(want.data_sources, `data-${name}-`))}
}
`);
}
