"""The same network in the form that each runtime takes; each file runs where its library is."""
