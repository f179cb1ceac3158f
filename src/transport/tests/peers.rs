//! Pairs of nodes: who is let in, what each lane carries, and what restarts and crashes look like.

use super::*;

#[tokio::test]
async fn a_pair_comes_up_and_every_lane_carries_messages() {
    let authority = authority();
    let (mut one, mut two) = pair(&authority);
    one.wait_up(2).await;
    two.wait_up(1).await;
    let reply = AppendReply { generation: 1, outcome: AppendOutcome::Ack { index: Index(5) } };
    for message in [heartbeat(1, 2), vote(1, 2), append(1, 2, 100, false), append(1, 2, 3_000_000, false)] {
        one.transport.send(message.clone());
        one.transport.flush();
        assert_eq!(two.wait_message().await, message);
    }
    let answer = message(2, 1, Message::AppendReply(reply));
    two.transport.send(answer.clone());
    two.transport.flush();
    assert_eq!(one.wait_message().await, answer);
    assert_eq!((one.transport.refused_messages(), two.transport.refused_messages()), (0, 0));
}

#[tokio::test]
async fn catch_up_travels_on_the_bulk_connection_once_that_is_there() {
    let authority = authority();
    let (mut one, mut two) = pair(&authority);
    one.wait_up(2).await;
    two.wait_up(1).await;
    // Before the bulk connection is up such a message takes the append lane, and arrives all the same.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        assert!(tokio::time::Instant::now() < deadline, "the bulk connection never came up");
        one.transport.send(append(1, 2, 10, true));
        one.transport.flush();
        if two.wait_message().await.bulk {
            break;
        }
    }
}

#[tokio::test]
async fn messages_of_one_lane_keep_their_order() {
    let authority = authority();
    let (mut one, mut two) = pair(&authority);
    one.wait_up(2).await;
    two.wait_up(1).await;
    for size in 0..500 {
        one.transport.send(append(1, 2, size, false));
        if size % 7 == 0 {
            one.transport.flush();
        }
    }
    one.transport.flush();
    for size in 0..500 {
        assert_eq!(two.wait_message().await, append(1, 2, size, false));
    }
}

#[tokio::test]
async fn certificates_that_do_not_count_are_refused() {
    let ours = authority();
    let mut node = lone_node(&ours);
    let same_name = Authority::create("demo", CLUSTER).expect("an authority can be made");
    let other_cluster = Authority::create("other", OTHER_CLUSTER).expect("an authority can be made");
    let trusted = node_identity(&ours, 1);
    let refused = [
        ("another authority of the same name", node_identity(&same_name, 1), "BadSignature"),
        ("another cluster", node_identity(&other_cluster, 1), "UnknownIssuer"),
        ("expired", ours.issue_node_days_ago(NodeId(1), 400), "expired"),
        ("not valid yet", ours.issue_node_days_ago(NodeId(1), -1), "not valid yet"),
    ];
    for (what, identity, told) in refused {
        let identity = identity.trusting(&trusted);
        let (endpoint, config) = stranger(&identity);
        let result = intrude_with(endpoint, config, node.address(), hello(1, ConnectionKind::Consensus)).await;
        let error = result.err().unwrap_or_else(|| panic!("{what} was let in"));
        assert!(super::close::alert(&error).is_some(), "{what}: {error}");
        let (_, because) = node.wait_refused().await;
        assert!(because.contains(told), "{what}: {because}");
    }
    // The control: the same steps with the true certificate.
    intrude(&trusted, node.address(), hello(1, ConnectionKind::Consensus)).await.expect("node 1 is let in");
    node.wait_up(1).await;
}

#[tokio::test]
async fn who_is_dialled_must_be_who_is_meant() {
    let ours = authority();
    let other = Authority::create("demo", CLUSTER).expect("an authority can be made");
    let three = Node::start(setup(&ours, 3, loopback(0), vec![peer(1, loopback(1))]));
    let impostor = TransportSetup {
        identity: node_identity(&other, 2).trusting(&node_identity(&ours, 1)),
        ..setup(&ours, 2, loopback(0), vec![peer(1, loopback(1))])
    };
    let impostor = Node::start(impostor);
    for (address, told) in [(three.address(), "not valid for name"), (impostor.address(), "BadSignature")] {
        let mut one = Node::start(setup(&ours, 1, loopback(0), vec![peer(2, address)]));
        let because = one.wait_down(2).await;
        assert!(because.contains(told), "{because}");
    }
}

#[tokio::test]
async fn nobody_is_let_in_without_a_certificate() {
    let ours = authority();
    let node = lone_node(&ours);
    let identity = node_identity(&ours, 1);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(identity.authority().clone()).expect("the authority's certificate is a certificate");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3 is there")
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![super::endpoint::PEER_ALPN.to_vec()];
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).expect("the suite is there");
    let config = ClientConfig::new(std::sync::Arc::new(crypto));
    let (endpoint, _) = stranger(&identity);
    let result = intrude_with(endpoint, config, node.address(), hello(1, ConnectionKind::Consensus)).await;
    let error = result.err().expect("a nobody was let in");
    assert_eq!(super::close::alert(&error), Some("a certificate is required"));
}

#[tokio::test]
async fn a_client_certificate_may_not_speak_as_a_node() {
    let ours = authority();
    let mut node = lone_node(&ours);
    let client = ours.issue_client("mallory").expect("a client can be issued");
    let error = intrude(&client, node.address(), hello(1, ConnectionKind::Consensus)).await.err().expect("let in");
    assert!(is_refused(&error), "{error}");
    assert!(node.wait_refused().await.1.contains("client mallory"));
    assert_eq!(node.transport.refused_messages(), 1);
}

#[tokio::test]
async fn hellos_that_do_not_fit_are_refused() {
    let ours = authority();
    let mut node = lone_node(&ours);
    let one = node_identity(&ours, 1);
    let nine = node_identity(&ours, 9);
    let right = hello(1, ConnectionKind::Consensus);
    for (what, identity, hello) in [
        ("cluster", &one, Hello { cluster: OTHER_CLUSTER, ..right }),
        ("protocol 2", &one, Hello { version: 2, ..right }),
        ("the hello of n2", &one, Hello { node: NodeId(2), ..right }),
        ("has data directory", &one, Hello { storage: StorageId(1), ..right }),
        ("expects n2 to have data directory", &one, Hello { expected: StorageId(1), ..right }),
        ("not a member", &nine, hello(9, ConnectionKind::Consensus)),
    ] {
        let error = intrude(identity, node.address(), hello).await.err().unwrap_or_else(|| panic!("{what}: let in"));
        assert!(is_refused(&error), "{what}: {error}");
        let (_, because) = node.wait_refused().await;
        assert!(because.contains(what), "{because}");
    }
    assert_eq!(node.transport.refused_messages(), 6);
}

#[tokio::test]
async fn a_node_that_speaks_for_another_is_refused_and_counted() {
    let ours = authority();
    let peers = vec![peer(1, loopback(1)), peer(2, loopback(1))];
    let mut node = Node::start(setup(&ours, 3, loopback(0), peers));
    let (endpoint, config) = stranger(&node_identity(&ours, 2));
    let name = node_server_name(CLUSTER, NodeId(3));
    for (sent, counted) in [(vote(1, 3), 1), (vote(2, 1), 2)] {
        let connection =
            endpoint.connect_with(config.clone(), node.address(), &name).expect("dialled").await.expect("connected");
        let (mut control, receive) = connection.open_bi().await.expect("a stream opens");
        send_hello(&mut control, &hello(2, ConnectionKind::Bulk)).await;
        StreamReader::new(receive).hello().await.expect("node 2 is let in");
        let mut out = BytesMut::new();
        encode_head(&sent, &mut out);
        control.write_all(&out).await.expect("the connection is there");
        let error = timeout(PATIENCE, connection.closed()).await.expect("it is closed");
        assert_eq!(close_code(&error), Some(u64::from(CloseCode::WrongSender.number())), "{error}");
        let (peer, _) = node.wait_refused().await;
        assert_eq!(peer, Some(NodeId(2)));
        assert_eq!(node.transport.refused_messages(), counted);
    }
    assert!(node.events.try_recv().is_err(), "no message was delivered");
}

#[tokio::test]
async fn bytes_that_are_no_message_close_the_connection() {
    let ours = authority();
    let mut node = lone_node(&ours);
    for garbage in [&[0xff; 64][..], &[4, 0, 0, 0, 1, 2, 3, 4]] {
        let mut intruder = intrude(&node_identity(&ours, 1), node.address(), hello(1, ConnectionKind::Consensus))
            .await
            .expect("let in");
        node.wait_up(1).await;
        intruder.control.write_all(garbage).await.expect("the connection is there");
        let error = timeout(PATIENCE, intruder.connection.closed()).await.expect("it is closed");
        assert_eq!(close_code(&error), Some(u64::from(CloseCode::Protocol.number())), "{error}");
        node.wait_down(1).await;
    }
}

#[tokio::test]
async fn a_newer_connection_replaces_the_older() {
    let ours = authority();
    let mut node = lone_node(&ours);
    let identity = node_identity(&ours, 1);
    let first = intrude(&identity, node.address(), hello(1, ConnectionKind::Consensus)).await.expect("let in");
    node.wait_up(1).await;
    let second = intrude(&identity, node.address(), hello(1, ConnectionKind::Consensus)).await.expect("let in");
    node.wait_down(1).await;
    node.wait_up(1).await;
    let error = timeout(PATIENCE, first.connection.closed()).await.expect("the older is closed");
    assert_eq!(close_code(&error), Some(u64::from(CloseCode::Replaced.number())), "{error}");
    assert!(second.connection.close_reason().is_none());
}

#[tokio::test]
async fn a_polite_end_delivers_last_words_and_the_reason() {
    let authority = authority();
    // Node 2 is slow: when the connection ends, most of what has arrived is not yet taken.
    let (events, receiver) = mpsc::channel(1);
    let two = setup(&authority, 2, loopback(0), vec![peer(1, loopback(1))]);
    let mut two = Node { transport: Transport::start(two, events).expect("a port"), events: receiver };
    let mut one = Node::start(setup(&authority, 1, loopback(0), vec![peer(2, two.address())]));
    one.wait_up(2).await;
    two.wait_up(1).await;
    for _ in 0..50 {
        one.transport.send(vote(1, 2));
    }
    one.transport.close("n1 is stopping").await;
    for _ in 0..50 {
        assert_eq!(two.wait_message().await, vote(1, 2));
    }
    assert!(two.wait_down(1).await.contains("n1 is stopping"));
}

#[tokio::test]
async fn a_peer_that_restarts_is_found_again_by_both_sides() {
    let authority = authority();
    let (mut one, mut two) = pair(&authority);
    one.wait_up(2).await;
    two.wait_up(1).await;
    // The accepting side goes and comes back.
    let address = two.address();
    two.transport.close("restart").await;
    one.wait_down(2).await;
    let mut two = Node::restart(|| setup(&authority, 2, address, vec![peer(1, one.address())])).await;
    one.wait_up(2).await;
    two.wait_up(1).await;
    // The dialling side goes and comes back.
    let address = one.address();
    one.transport.close("restart").await;
    two.wait_down(1).await;
    let mut one = Node::restart(|| setup(&authority, 1, address, vec![peer(2, two.address())])).await;
    two.wait_up(1).await;
    one.wait_up(2).await;
}

#[tokio::test]
async fn a_crash_and_restart_is_noticed_without_waiting_for_silence() {
    let authority = authority();
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path().join("identity");
    node_identity(&authority, 2).save(&directory).expect("saved");
    let with_saved = |listen| TransportSetup {
        identity: Identity::load(&directory).expect("loaded"),
        ..setup(&authority, 2, listen, vec![peer(1, loopback(1))])
    };
    let first = with_saved(loopback(0));
    // A process of its own would die without a word; here its runtime does: nothing is sent after it is gone.
    let (address, addresses) = oneshot::channel();
    let (crash, crashed) = oneshot::channel::<()>();
    let process = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let node = Node::start(first);
            address.send(node.address()).expect("somebody waits");
            crashed.await.expect("the order comes");
        });
    });
    let address = addresses.await.expect("the node starts");
    let mut one = Node::start(setup(&authority, 1, loopback(0), vec![peer(2, address)]));
    one.wait_up(2).await;
    crash.send(()).expect("the node waits");
    process.join().expect("the node ends");
    let mut two = Node::start(with_saved(address));
    // What leaders do: keep talking. The first packet is answered with a reset.
    let because = loop {
        one.transport.send(heartbeat(1, 2));
        let event = timeout(Duration::from_millis(50), one.events.recv()).await;
        if let Ok(Some(TransportEvent::PeerDown { because, .. })) = event {
            break because;
        }
    };
    assert_eq!(because, "its process was restarted, or its goodbye was lost");
    one.wait_up(2).await;
    two.wait_up(1).await;
}

#[tokio::test]
async fn a_lane_that_is_full_drops_and_says_so() {
    let authority = authority();
    let limits = Limits { lane_messages_max: 8, ..Limits::default() };
    let mut two = Node::start(setup(&authority, 2, loopback(0), vec![peer(1, loopback(1))]));
    let setup = TransportSetup { limits, ..setup(&authority, 1, loopback(0), vec![peer(2, two.address())]) };
    let mut one = Node::start(setup);
    one.wait_up(2).await;
    two.wait_up(1).await;
    for size in 0..20 {
        one.transport.send(append(1, 2, size, false));
    }
    one.transport.flush();
    for size in 0..8 {
        assert_eq!(two.wait_message().await, append(1, 2, size, false));
    }
    let told = |event| matches!(event, TransportEvent::PeerOverflow { peer } if peer == NodeId(2)).then_some(());
    one.wait("the overflow", told).await;
    // What comes after the lane has moved is taken again.
    one.transport.send(append(1, 2, 99, false));
    one.transport.flush();
    assert_eq!(two.wait_message().await, append(1, 2, 99, false));
}
