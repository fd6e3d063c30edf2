"""Who is in, who is out, and what they may touch: the domain, and the verbs that change it."""
