/** Work that is asked for often and done once, in the screen's next frame; a hidden tab does it when it is seen. */
export function onceAFrame(work) {
    let frame;
    return () => {
        frame ??= requestAnimationFrame(() => {
            frame = undefined;
            work();
        });
    };
}
