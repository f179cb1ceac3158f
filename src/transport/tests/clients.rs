//! The listener and the dialler: requests, answers, limits, and what the world may throw at a port.

use super::*;

#[tokio::test]
async fn a_port_in_use_is_named() {
    let authority = authority();
    let taken = UdpSocket::bind(loopback(0)).expect("a loopback port can be had");
    let address = taken.local_addr().expect("it has an address");
    let (events, _receiver) = mpsc::channel(8);
    let error = Transport::start(setup(&authority, 2, address, Vec::new()), events).err().expect("the port is taken");
    assert!(matches!(error, BindError::InUse { address: named, .. } if named == address), "{error}");
    assert!(error.to_string().contains(&address.to_string()));
}

#[tokio::test]
async fn clients_ask_and_are_answered_in_batches() {
    let authority = authority();
    let mut node = lone_node(&authority);
    let dialer = dialer(&authority);
    let mut client = connect(&dialer, &node).await;
    assert_eq!(client.node(), NodeId(2));
    let asked: Vec<Request> =
        (0..300).map(|id| Request { id, ask: Ask::Write(Bytes::from(vec![id as u8; 256])) }).collect();
    client.send(asked.clone()).expect("the connection is there");
    let opened = |event| match event {
        TransportEvent::ClientOpened { client, subject } => Some((client, subject)),
        _ => None,
    };
    let (id, subject) = node.wait("client opened", opened).await;
    assert_eq!(subject, "client test");
    let mut arrived = Vec::new();
    while arrived.len() < asked.len() {
        let (from, requests) = node.wait_requests().await;
        assert_eq!(from, id);
        for request in &requests {
            node.transport.answer(id, transferring(request.id));
        }
        node.transport.flush();
        arrived.extend(requests);
    }
    assert_eq!(arrived, asked);
    let mut answered = Vec::new();
    while answered.len() < asked.len() {
        answered.extend(responses(&mut client).await.expect("answers come"));
    }
    assert_eq!(answered, (0..300).map(transferring).collect::<Vec<_>>());
    drop(client);
    node.wait("client closed", |event| (event == TransportEvent::ClientClosed { client: id }).then_some(())).await;
}

#[tokio::test]
async fn a_request_above_the_limit_is_refused_and_the_next_one_served() {
    let authority = authority();
    let mut node = lone_node(&authority);
    let mut client = connect(&dialer(&authority), &node).await;
    let long = Request { id: 1, ask: Ask::Write(vec![0; 5 << 20].into()) };
    client.send([long, Request { id: 2, ask: Ask::Status }]).expect("the connection is there");
    let (id, requests) = node.wait_requests().await;
    assert_eq!(requests, [Request { id: 2, ask: Ask::Status }]);
    let refused = responses(&mut client).await.expect("a refusal comes");
    let [Response { id: 1, answer: Answer::Refused(Refused::ValueTooLarge { limit_bytes, .. }) }] = &refused[..] else {
        panic!("{refused:?}");
    };
    assert_eq!(*limit_bytes, 1 << 20);
    node.transport.answer(id, Response { id: 2, answer: Answer::Status(Box::default()) });
    node.transport.flush();
    assert_eq!(responses(&mut client).await.expect("an answer comes")[0].id, 2);
}

#[tokio::test]
async fn dialling_names_what_is_wrong() {
    let ours = authority();
    let mut node = lone_node(&ours);
    let address = node.address().to_string();
    let dial = async |authority: &Authority, node: Option<NodeId>, address: &str, limit: Duration| {
        dialer(authority).dial(address, node, CLUSTER, limit).await.err().expect("it cannot work")
    };
    let wrong_node = dial(&ours, Some(NodeId(9)), &address, PATIENCE).await;
    assert!(matches!(wrong_node, DialError::WrongNode { .. }), "{wrong_node}");
    let other = Authority::create("demo", CLUSTER).expect("an authority can be made");
    let untrusted = dial(&other, None, &address, PATIENCE).await;
    assert!(matches!(untrusted, DialError::Untrusted { .. }), "{untrusted}");
    let socket = UdpSocket::bind(loopback(0)).expect("a loopback port can be had");
    let silent = socket.local_addr().expect("it has an address").to_string();
    let nothing = dial(&ours, None, &silent, Duration::from_millis(100)).await;
    assert!(matches!(nothing, DialError::Timeout { .. }), "{nothing}");
    drop(socket);
    let nobody = dial(&ours, None, &silent, PATIENCE).await;
    assert!(matches!(nobody, DialError::Unreachable { .. }), "{nobody}");
    let nowhere = dial(&ours, None, "not an address", PATIENCE).await;
    assert!(matches!(nowhere, DialError::Resolve { .. }), "{nowhere}");
    let stranger = other.issue_client("test").expect("a client can be issued").trusting(&node_identity(&ours, 1));
    let stranger = Dialer::new(stranger).expect("a port can be had");
    let refused = stranger.dial(&address, None, CLUSTER, PATIENCE).await.err().expect("it cannot work");
    assert!(matches!(refused, DialError::RefusedCertificate { .. }), "{refused}");
    assert!(node.wait_refused().await.1.contains("certificate"));
    let any = dialer(&ours).dial(&address, None, CLUSTER, PATIENCE).await.expect("any node will do");
    assert_eq!(any.node(), NodeId(2));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_and_memory_stays_bounded() {
    let authority = authority();
    let limits =
        Limits { answer_bytes_max: 16 << 20, unread_time_max: Duration::from_millis(300), ..Limits::default() };
    let setup = TransportSetup { limits, ..setup(&authority, 2, loopback(0), Vec::new()) };
    let mut node = Node::start(setup);
    // Asks, and never reads: no future of the connection is polled again.
    let client = connect(&dialer(&authority), &node).await;
    client.send((0..100_000).map(|id| Request { id, ask: Ask::Status })).expect("the connection is there");
    let item = Item { key: vec![1; 100], value: vec![2; 900], revision: Index(1), created: Index(1), version: 1 };
    let mut answered_bytes = 0;
    let closed = async {
        loop {
            match node.events.recv().await.expect("the transport runs") {
                TransportEvent::ClientRequests { client, requests } => {
                    for request in requests {
                        let answer = Answer::Value { item: Some(item.clone()), at: Index(1) };
                        node.transport.answer(client, Response { id: request.id, answer });
                        answered_bytes += 1_000;
                    }
                    node.transport.flush();
                }
                TransportEvent::ClientClosed { .. } => break,
                _ => {}
            }
        }
    };
    timeout(PATIENCE, closed).await.expect("the client is closed");
    assert!(answered_bytes < 64 << 20, "{answered_bytes} bytes were taken for a client that reads nothing");
    let lost = timeout(PATIENCE, client.sender().closed()).await.expect("the client learns of it");
    match &lost {
        ConnectionLost::ClosedByNode { because } => assert!(because.contains("unread"), "{because}"),
        // The goodbye is one packet; on a busy machine it may be lost among the answers nobody reads.
        other => assert_eq!(other, &ConnectionLost::Reset),
    }
}

#[tokio::test]
async fn garbage_datagrams_leave_an_honest_request_answered() {
    let authority = authority();
    let mut node = lone_node(&authority);
    let socket = UdpSocket::bind(loopback(0)).expect("a loopback port can be had");
    for round in 0..400usize {
        let size = [0, 1, 20, 21, 1_200, 1_472, 9_000, 65_507][round % 8];
        let mut bytes: Vec<u8> = (0..size).map(|_| rand::random()).collect();
        // Half of them look like the start of a QUIC version 1 handshake.
        if round % 16 < 8 && size > 6 {
            bytes[..6].copy_from_slice(&[0xc3, 0, 0, 0, 1, 8]);
        }
        socket.send_to(&bytes, node.address()).expect("loopback takes it");
    }
    let mut client = connect(&dialer(&authority), &node).await;
    client.send([Request { id: 7, ask: Ask::Status }]).expect("the connection is there");
    let (id, _) = node.wait_requests().await;
    node.transport.answer(id, transferring(7));
    node.transport.flush();
    assert_eq!(responses(&mut client).await, Ok(vec![transferring(7)]));
}

#[tokio::test]
async fn too_many_clients_are_refused_and_room_is_given_back() {
    let authority = authority();
    let limits = Limits { client_connections_max: 1, ..Limits::default() };
    let mut node = Node::start(TransportSetup { limits, ..setup(&authority, 2, loopback(0), Vec::new()) });
    let dialer = dialer(&authority);
    let first = connect(&dialer, &node).await;
    let opened = |event| matches!(event, TransportEvent::ClientOpened { .. }).then_some(());
    node.wait("client opened", opened).await;
    let address = node.address().to_string();
    let second = dialer.dial(&address, None, CLUSTER, PATIENCE).await.err().expect("there is no room");
    assert!(matches!(second, DialError::Refused { .. }), "{second}");
    drop(first);
    node.wait("client closed", |event| matches!(event, TransportEvent::ClientClosed { .. }).then_some(())).await;
    connect(&dialer, &node).await;
}

#[tokio::test]
async fn when_the_node_is_behind_nothing_more_is_read() {
    let authority = authority();
    let (events, mut receiver) = mpsc::channel(1);
    let transport = Transport::start(setup(&authority, 2, loopback(0), Vec::new()), events).expect("a port");
    let address = transport.local_addr().to_string();
    let client = dialer(&authority).dial(&address, None, CLUSTER, PATIENCE).await.expect("let in");
    // More than all windows and buffers between here and there hold.
    let total = 40;
    for id in 0..total {
        client.send([Request { id, ask: Ask::Write(vec![0; 1 << 20].into()) }]).expect("the connection is there");
    }
    // Nobody takes events, so flow control must reach back to the sender: it can never get rid of everything. (A
    // wrong transport fails here; on a slow machine it may get away, a right one never fails.)
    let all_gone = async {
        while client.sender().waiting_bytes() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_millis(500), all_gone).await.expect_err("requests were taken without limit");
    // And goes on when events are taken.
    let mut next = 0;
    while next < total {
        let event = timeout(PATIENCE, receiver.recv()).await.expect("events come").expect("the transport runs");
        if let TransportEvent::ClientRequests { requests, .. } = event {
            for request in requests {
                assert_eq!(request.id, next);
                next += 1;
            }
        }
    }
}

#[tokio::test]
async fn an_address_of_another_machine_cannot_be_bound() {
    let client = authority().issue_client("test").expect("a client can be issued");
    let foreign: SocketAddr = "192.0.2.1:0".parse().expect("an address");
    let error = client_endpoint(&client, foreign).expect_err("it is not ours");
    assert!(matches!(error, BindError::Bind { .. }), "{error}");
}
