import Worker

await Worker.main()
