/** The variables of a dashboard: their values, and how Grafana puts them into texts and into PromQL. */

const REFERENCE = /\$(\w+)|\[\[(\w+?)(?::\w+)?\]\]|\$\{(\w+)(?::(\w+))?\}/g;
const ALL = '$__all';

/** Asks Prometheus's API, and returns the data it answers; fails with the words of Prometheus. */
export async function ask(prometheus, path, parameters) {
  const response = await fetch(`${prometheus}/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const { status, data, error } = await response.json();
  if (status !== 'success') throw new Error(`${parameters.query ?? path}: ${error}`);
  return data;
}

export class Variables {
  #values = new Map();
  #list;

  constructor(list) {
    this.#list = list;
  }

  /** Returns the variables of a dashboard with the values that Grafana gives them when it is opened. */
  static async of(dashboard, prometheus, range) {
    const variables = new Variables(dashboard.templating?.list ?? []);
    for (const variable of variables.#list) {
      const options = await optionsOf(variable, variables, prometheus, range);
      const chosen = [variable.current?.value ?? []].flat().filter((value) => value !== '');
      const all = variable.includeAll && (chosen.length === 0 || chosen.includes(ALL));
      variables.#values.set(variable.name, { all, variable, options, chosen: all ? options : chosen.length ? chosen : options.slice(0, 1) });
    }
    return variables;
  }

  /** Returns what the bar above the panels shows: label, value, and whether several may be chosen. */
  shown() {
    return this.#list
      .filter(({ hide }) => hide !== 2)
      .map(({ name, label, hide, multi }) => ({ label: hide === 1 ? '' : label || name, multi: Boolean(multi), value: this.#text(name) }));
  }

  /** Puts values into a title or a text. */
  into(text, scoped = {}) {
    return text.replace(REFERENCE, (found, ...[plain, square, braced]) => {
      const name = plain ?? square ?? braced;
      return name in scoped ? scoped[name] : this.#values.has(name) ? this.#text(name) : found;
    });
  }

  /** Puts values into PromQL: several are one of a regular expression, escaped, unless `All` has a value of its own. */
  intoPromQL(expression, scoped) {
    return expression.replace(REFERENCE, (found, ...[plain, square, braced, format]) => {
      const name = plain ?? square ?? braced;
      if (name in scoped) return scoped[name];
      const known = this.#values.get(name);
      if (!known) return found;
      const { all, chosen, variable } = known;
      if (all && variable.allValue) return variable.allValue;
      if (format === 'raw') return chosen.join(',');
      if (!variable.multi && !variable.includeAll) return escaped(chosen[0] ?? '', /[\\']/g);
      const values = chosen.map((value) => escaped(value, /[\\^$*+?.()|[\]{}'"]/g));
      return values.length === 1 ? values[0] : `(${values.join('|')})`;
    });
  }

  #text(name) {
    const { all, chosen } = this.#values.get(name);
    return all ? 'All' : chosen.join(' + ');
  }
}

function escaped(value, special) {
  return value.replace(special, (character) => `\\\\${character}`);
}

/** Returns the values that a variable may have. */
async function optionsOf(variable, variables, prometheus, range) {
  const text = typeof variable.query === 'object' ? variable.query.query : (variable.query ?? '');
  switch (variable.type) {
    case 'datasource':
      return ['Prometheus'];
    case 'custom':
    case 'interval':
      return text.split(',').map((option) => option.trim());
    case 'constant':
    case 'textbox':
      return [text];
    case 'query': {
      const { selector, label } = /^label_values\((?:(?<selector>.+),)?\s*(?<label>\w+)\s*\)$/.exec(text)?.groups ?? {};
      if (!label) throw new Error(`variable ${variable.name}: only label_values(…) is understood, not ${text}`);
      const match = selector ? { 'match[]': variables.intoPromQL(selector, {}) } : {};
      return ask(prometheus, `label/${label}/values`, { ...match, start: range.from, end: range.to });
    }
    default:
      throw new Error(`variable ${variable.name}: its type, ${variable.type}, is not understood`);
  }
}
