const PLACE = "estiba-uploads";
const MOST = 20;

/**
 * Uploads under way, kept in the browser so that a page that was left or loaded anew goes on with them when the same
 * file is chosen again.
 */
export const UploadMemory = {
    find(key) {
        return key === undefined ? undefined : read().find((entry) => entry.key === key)?.upload;
    },

    keep(key, upload) {
        if (key === undefined) return;
        write([{ key, upload }, ...read().filter((entry) => entry.key !== key)].slice(0, MOST));
    },

    drop(key) {
        if (this.find(key)) write(read().filter((entry) => entry.key !== key));
    },
};

/** What names the same bytes again, as far as a browser tells: whose, what and of when. */
export function uploadKey(user, file) {
    return JSON.stringify([user, file.name, file.size, file.lastModified]);
}

function read() {
    try {
        const entries = JSON.parse(localStorage.getItem(PLACE) ?? "[]");
        return Array.isArray(entries) ? entries : [];
    } catch {
        return [];
    }
}

function write(entries) {
    localStorage.setItem(PLACE, JSON.stringify(entries));
}
