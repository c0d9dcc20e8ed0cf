const tests = [];

export function test(name, body) {
    tests.push({ name, body });
}

export function equal(found, expected) {
    const [one, other] = [JSON.stringify(found), JSON.stringify(expected)];
    if (one !== other) throw new Error(`found ${one}, expected ${other}`);
}

export function throws(body, Type) {
    try {
        body();
    } catch (error) {
        if (error instanceof Type) return;
        throw error;
    }
    throw new Error(`nothing was thrown, expected ${Type.name}`);
}

/** Runs what was declared: `[{ name, problem }]`, `problem` absent where it passed. */
export function run() {
    return tests.map(({ name, body }) => {
        try {
            body();
            return { name };
        } catch (error) {
            return { name, problem: String(error.stack ?? error) };
        }
    });
}
